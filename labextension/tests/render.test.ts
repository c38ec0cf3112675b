// What is drawn says the same as the static HTML, and holds nothing but what we draw.
import { describe, expect, it } from "vitest";

import { render } from "../src/render";
import type { Stack, View } from "../src/view";
import { goldens } from "./golden";

const TAGS = new Set(
  (
    "caption code details div em label li meter pre progress span strong summary " +
    "table tbody td th thead tr ul"
  ).split(" "),
);

/** Words as a reader sees them, wherever the lines break. */
function words(element: Element): string {
  return (element.textContent ?? "").replace(/\s+/g, " ").trim();
}

/** Open every folder, also those inside: they are drawn when they are opened first. */
function openAll(element: Element): void {
  for (const details of element.querySelectorAll("details")) {
    if (!details.open) {
      details.open = true;
      details.dispatchEvent(new Event("toggle"));
      openAll(details);
    }
  }
}

function opened(view: View): HTMLElement {
  const drawn = render(view);
  openAll(drawn);
  return drawn;
}

describe.each(goldens())("$name", ({ view, html }) => {
  it("says what the static HTML says", () => {
    const page = new DOMParser().parseFromString(html, "text/html");
    expect(words(opened(view))).toBe(words(page.body));
  });

  it("holds only our own tags and attributes", () => {
    const all = [...opened(view).querySelectorAll("*")];
    const strange = all.map((one) => one.tagName.toLowerCase()).filter((tag) => !TAGS.has(tag));
    expect(strange).toEqual([]);
    const handlers = all.flatMap((one) => one.getAttributeNames().filter((name) => name.startsWith("on")));
    expect(handlers).toEqual([]);
  });
});

function golden(name: string): View {
  const found = goldens().find((one) => one.name === name);
  if (!found) {
    throw new Error(`no golden view ${name}`);
  }
  return found.view;
}

describe("a stack", () => {
  it("has the newest layer on top", () => {
    const view = golden("stack.json") as Stack;
    const labels = [...render(view).querySelectorAll("tbody tr > td:last-child")].map(
      (cell) => cell.querySelector("code")?.textContent,
    );
    expect(labels).toEqual(view.rows.map((row) => row.label).reverse());
  });

  it("draws what is hidden apart, and both together as long as the share", () => {
    const view: Stack = {
      kind: "stack",
      caption: "",
      rows: [
        { label: "a", size: "", fraction: 0.8, hidden: 0.25, kind: "layer", text: "", nodes: [] },
      ],
    };
    const boxes = [...render(view).querySelectorAll<HTMLElement>(".box")];
    expect(boxes.map((box) => [box.className, Math.round(parseFloat(box.style.width))])).toEqual([
      ["box layer", 60],
      ["box hidden", 20],
    ]);
  });
});

describe("a tree", () => {
  it("draws a folder's children when it is opened, and once", () => {
    const drawn = render(golden("tree.json"));
    const first = drawn.querySelector("details");
    expect(drawn.textContent).not.toContain("passwd");
    first?.dispatchEvent(new Event("toggle"));
    first?.dispatchEvent(new Event("toggle"));
    expect(words(drawn).split("passwd").length - 1).toBe(1);
  });
});

describe("a meter", () => {
  it("is named by its label and filled by its fraction", () => {
    const meter = render(golden("meter.json")).querySelector("meter");
    expect(meter?.closest("label")?.textContent).toContain("Pulling python:3.12");
    expect(meter?.getAttribute("value")).toBe("0.42");
  });

  it("shows no amount while the whole is unknown", () => {
    const bar = render(golden("meter_unknown.json")).querySelector("progress");
    expect(bar?.hasAttribute("value")).toBe(false);
  });
});
