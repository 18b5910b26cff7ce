/**
 * A modal dialog: the browser's own, which keeps the focus in and gives Escape its meaning. What is
 * marked `data-first` has the focus at first.
 */
import { type ReactElement, type ReactNode, useLayoutEffect, useRef } from "react";

interface Props {
  title: string;
  testId: string;
  onClose(): void;
  children: ReactNode;
}

export function Modal({ title, testId, onClose, children }: Props): ReactElement {
  const dialog = useRef<HTMLDialogElement>(null);
  // Before the next key: a dialog that is still open would get it, or keep the focus.
  useLayoutEffect(() => {
    const element = dialog.current;
    if (element && !element.open) {
      element.showModal();
      element.querySelector<HTMLElement>("[data-first]")?.focus();
    }
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
