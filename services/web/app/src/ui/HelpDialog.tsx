/** The keys of the page, and what else is worth knowing. */
import { useReadable } from "@termfleet/react";
import type { ReactElement } from "react";
import { OTHER_KEYS, SHORTCUTS } from "../model/shortcuts.ts";
import type { Workspace } from "../model/workspace.ts";
import { Modal } from "./Modal.tsx";

export function HelpDialog({ workspace }: { workspace: Workspace }): ReactElement {
  const { screenReader } = useReadable(workspace.state);
  const close = (): void => workspace.setDialog("none");
  return (
    <Modal title="Keyboard" testId="help-dialog" onClose={close}>
      <table className="keys">
        <thead className="visually-hidden">
          <tr>
            <th scope="col">Keys</th>
            <th scope="col">What they do</th>
          </tr>
        </thead>
        <tbody>
          {[...SHORTCUTS, ...OTHER_KEYS].map(({ keys, text }) => (
            <tr key={keys}>
              <td>
                <kbd>{keys}</kbd>
              </td>
              <td>{text}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p>
        The right mouse button has the browser&rsquo;s Copy and Paste. Hold Shift to select text
        while a program uses the mouse. Everything else goes to the shell, Ctrl+C too.
      </p>
      <label className="check">
        <input
          type="checkbox"
          checked={screenReader}
          data-testid="screen-reader"
          onChange={(event) => workspace.setScreenReader(event.currentTarget.checked)}
        />
        Read the terminal out to a screen reader
      </label>
      <div className="modal-actions">
        <button type="button" className="primary" data-first onClick={close}>
          Done
        </button>
      </div>
    </Modal>
  );
}
