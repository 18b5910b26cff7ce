import type { ReactElement } from "react";

/** The product's mark and name. */
export function Mark(): ReactElement {
  return (
    <div className="mark">
      <svg viewBox="0 0 26 20" width="24" height="18" aria-hidden="true">
        <path className="mark-front" d="M2 3l6 7-6 7" />
        <path className="mark-back" d="M9 3l6 7-6 7" />
        <path className="mark-line" d="M16.5 17h7" />
      </svg>
      <h1>Termfleet</h1>
    </div>
  );
}
