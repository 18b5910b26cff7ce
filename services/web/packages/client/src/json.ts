/** Reads JSON objects field by field, so that a wrong message is an error and never `undefined`. */

/** A message that is not what it should be. */
export class MessageError extends Error {
  override readonly name = "MessageError";
}

export class JsonObject {
  readonly #fields: Readonly<Record<string, unknown>>;

  constructor(
    value: unknown,
    private readonly what: string,
  ) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new MessageError(`${what} is not an object`);
    }
    this.#fields = value as Record<string, unknown>;
  }

  string(name: string): string {
    return this.#required(name, this.optionalString(name));
  }

  optionalString(name: string): string | undefined {
    const value = this.#given(name);
    if (value === undefined || typeof value === "string") return value;
    throw this.#wrong(name);
  }

  /** A number that counts something: whole, not negative, exact. */
  count(name: string): number {
    return this.#required(name, this.optionalCount(name));
  }

  optionalCount(name: string): number | undefined {
    const value = this.optionalNumber(name);
    if (value === undefined || (Number.isSafeInteger(value) && value >= 0)) return value;
    throw this.#wrong(name);
  }

  optionalNumber(name: string): number | undefined {
    const value = this.#given(name);
    if (value === undefined || typeof value === "number") return value;
    throw this.#wrong(name);
  }

  boolean(name: string): boolean {
    const value = this.#given(name);
    if (typeof value === "boolean") return value;
    throw this.#wrong(name);
  }

  optionalBoolean(name: string): boolean | undefined {
    return this.#given(name) === undefined ? undefined : this.boolean(name);
  }

  object(name: string): JsonObject {
    return new JsonObject(this.#given(name), `${this.what}.${name}`);
  }

  list<T>(name: string, read: (item: JsonObject) => T): T[] {
    const value = this.#given(name);
    if (!Array.isArray(value)) throw this.#wrong(name);
    return value.map((item: unknown) => read(new JsonObject(item, `${this.what}.${name}`)));
  }

  /** As {@link object}, where it may be absent. */
  optionalObject(name: string): JsonObject | undefined {
    return this.#given(name) === undefined ? undefined : this.object(name);
  }

  /** A list of strings. */
  texts(name: string): string[] {
    const value = this.#given(name);
    if (!Array.isArray(value)) throw this.#wrong(name);
    return value.map((item: unknown) => {
      if (typeof item !== "string") throw this.#wrong(name);
      return item;
    });
  }

  /** All fields, as they came. */
  get fields(): Readonly<Record<string, unknown>> {
    return this.#fields;
  }

  /** An object whose values are all strings; absent is empty. */
  strings(name: string): Record<string, string> {
    const value = this.#given(name) ?? {};
    const entries = Object.entries(new JsonObject(value, `${this.what}.${name}`).#fields);
    return Object.fromEntries(
      entries.map(([key, text]) => {
        if (typeof text !== "string") throw this.#wrong(name);
        return [key, text];
      }),
    );
  }

  #given(name: string): unknown {
    return this.#fields[name] ?? undefined;
  }

  #required<T>(name: string, value: T | undefined): T {
    if (value === undefined) throw this.#wrong(name);
    return value;
  }

  #wrong(name: string): MessageError {
    return new MessageError(`${this.what} has no valid ${name}`);
  }
}
