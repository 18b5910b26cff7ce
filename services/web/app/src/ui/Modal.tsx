/** A modal dialog: the browser's own, which keeps the focus in and gives Escape its meaning. */
import { type ReactElement, type ReactNode, useEffect, useRef } from "react";

interface Props {
  title: string;
  testId: string;
  onClose(): void;
  children: ReactNode;
}

export function Modal({ title, testId, onClose, children }: Props): ReactElement {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const element = dialog.current;
    if (element && !element.open) element.showModal();
    return () => element?.close();
  }, []);
  return (
    <dialog
      ref={dialog}
      className="modal"
      aria-label={title}
      data-testid={testId}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onClick={(event) => {
        if (event.target === dialog.current) onClose();
      }}
    >
      <div className="modal-body">
        <h2>{title}</h2>
        {children}
      </div>
    </dialog>
  );
}
