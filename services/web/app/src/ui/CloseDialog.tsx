/** Asks before a shell is ended. */
import type { ReactElement } from "react";
import type { Tab } from "../model/tab.ts";
import type { Workspace } from "../model/workspace.ts";
import { Modal } from "./Modal.tsx";

export function CloseDialog({ workspace, tab }: { workspace: Workspace; tab: Tab }): ReactElement {
  const cancel = (): void => workspace.setDialog("none");
  return (
    <Modal title={`Close “${tab.label}”?`} testId="close-dialog" onClose={cancel}>
      <p>Its shell and everything that runs in it end. Closing the page instead keeps them.</p>
      <div className="modal-actions">
        <button type="button" onClick={cancel}>
          Keep it
        </button>
        <button
          type="button"
          className="danger"
          data-first
          data-testid="confirm-close"
          onClick={() => workspace.close(tab)}
        >
          Close
        </button>
      </div>
    </Modal>
  );
}
