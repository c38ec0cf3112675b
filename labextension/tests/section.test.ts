// A list of the sidebar touches only the rows that changed.
import { describe, expect, it } from "vitest";

import { Section } from "../src/section";

function rows(...names: ReadonlyArray<string>): HTMLLIElement[] {
  return names.map((name) => {
    const row = document.createElement("li");
    row.textContent = name;
    return row;
  });
}

function shown(section: Section): string[] {
  return [...section.node.querySelectorAll("li")].map((row) => row.textContent ?? "");
}

describe("a section", () => {
  it("shows its rows in their order, and how many they are", () => {
    const section = new Section("Images", "none", true);
    section.show(rows("a", "b"));
    expect(shown(section)).toEqual(["a", "b"]);
    expect(section.node.querySelector("summary")?.textContent).toBe("Images 2");
    section.show([]);
    expect(shown(section)).toEqual(["none"]);
  });

  it("moves, adds and takes away no more than it must", async () => {
    const section = new Section("Containers", "none", true);
    const [a, b, c, d, e] = rows("a", "b", "c", "d", "e") as [
      HTMLLIElement, HTMLLIElement, HTMLLIElement, HTMLLIElement, HTMLLIElement,
    ];
    section.show([a, b, c, d]);
    let changes = 0;
    const watch = new MutationObserver((records) => {
      changes += records.length;
    });
    const list = section.node.querySelector("ul");
    expect(list).not.toBeNull();
    watch.observe(list as HTMLElement, { childList: true });
    section.show([e, a, b, d]);
    await Promise.resolve();
    expect(shown(section)).toEqual(["e", "a", "b", "d"]);
    expect(changes).toBe(2);
    section.show([e, a, b, d]);
    await Promise.resolve();
    expect(changes).toBe(2);
  });
});
