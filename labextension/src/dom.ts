// Elements of text: nothing here parses HTML, and nothing can hide in what is shown.
import { visible } from "./text";

export type Child = Element | string | null;
export type Attributes = Readonly<Record<string, string>>;

/** An element; strings become text, null nothing. Empty attributes are left out. */
export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Attributes = {},
  ...children: ReadonlyArray<Child>
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value) {
      made.setAttribute(key, visible(value));
    }
  }
  for (const child of children) {
    if (child !== null) {
      made.append(typeof child === "string" ? visible(child) : child);
    }
  }
  return made;
}
