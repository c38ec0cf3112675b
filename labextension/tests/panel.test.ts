// The sidebar says what it knows, and nothing of what nobody has asked for.
import { nullTranslator } from "@jupyterlab/translation";
import { Signal } from "@lumino/signaling";
import { MessageLoop } from "@lumino/messaging";
import { Widget } from "@lumino/widgets";
import { describe, expect, it, vi } from "vitest";

vi.mock("@jupyterlab/ui-components", () => ({ LabIcon: vi.fn() }));
vi.mock("../src/icons", () => {
  const icon = { element: (): HTMLElement => document.createElement("span") };
  return { containersIcon: icon, layersIcon: icon };
});

import type { Live } from "../src/live";
import { type Holdings, NOTHING } from "../src/model";
import { Panel } from "../src/panel";

/** A panel, and a function that has it draw these holdings and gives what its disk section shows. */
function disk(): (holdings: Holdings) => string[] {
  const live = { holdings: NOTHING } as { holdings: Holdings; changed: unknown };
  live.changed = new Signal(live);
  const panel = new Panel(live as unknown as Live, {} as never, nullTranslator.load("container_magics"));
  return (holdings) => {
    live.holdings = holdings;
    MessageLoop.sendMessage(panel, Widget.Msg.UpdateRequest);
    const section = [...panel.node.querySelectorAll("details")].find((one) =>
      one.textContent?.startsWith("Disk use"),
    );
    const parts = section?.querySelectorAll("summary, li") ?? [];
    return [...parts].map((one) => (one.textContent ?? "").trim());
  };
}

describe("disk use", () => {
  it("has no figure before it is measured, and then that of the whole", () => {
    const shown = disk();
    expect(shown(NOTHING)).toEqual(["Disk use", "not measured yet"]);
    const known = { ...NOTHING, images: [{ image_id: "sha256:1", tags: ["a:1"], size_bytes: 5 }] };
    expect(shown(known)).toEqual(["Disk use", "not measured yet"]);
    const measured = [
      { kind: "images", number: 2, size_bytes: 150_000_000, reclaimable_bytes: 50_000_000 },
      { kind: "volumes", number: 0, size_bytes: 0, reclaimable_bytes: 0 },
    ];
    expect(shown({ ...known, disk: measured })).toEqual([
      "Disk use 150 MB",
      "images (2)150 MB · 50 MB in no use",
      "volumes (0)0 B · 0 B in no use",
    ]);
    expect(shown(NOTHING)).toEqual(["Disk use", "not measured yet"]); // the engine went away
  });
});
