// jsdom has no DragEvent, which @lumino/dragdrop extends when it is loaded.
globalThis.DragEvent = class extends MouseEvent {} as typeof DragEvent;
