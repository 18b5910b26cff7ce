/** What the active tab has to say, with what can be done about it. */
import { useReadable } from "@termfleet/react";
import type { ReactElement } from "react";
import type { Tab } from "../model/tab.ts";

export function BannerBar({ tab }: { tab: Tab }): ReactElement {
  useReadable(tab.state);
  const { banner } = tab;
  return (
    <div className="banner-place" role="status">
      {banner && (
        <div className="banner" data-kind={banner.kind} data-testid="banner">
          <p>{banner.text}</p>
          <div className="banner-remedies">
            {banner.remedies.map(({ remedy, label }, at) => (
              <button
                key={remedy}
                type="button"
                className={at === 0 ? "primary" : ""}
                data-testid={`remedy-${remedy}`}
                onClick={() => {
                  tab.remedy(remedy);
                  tab.surface.focus();
                }}
              >
                {label}
                {at === 0 && banner.keys && <kbd>Enter</kbd>}
              </button>
            ))}
          </div>
        </div>
      )}
    </div>
  );
}
