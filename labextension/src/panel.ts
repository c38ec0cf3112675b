// The sidebar: what the engine holds, drawn anew where it has changed. Text goes in as text alone.
import type { TranslationBundle } from "@jupyterlab/translation";
import {
  type LabIcon,
  closeIcon,
  runIcon,
  stopIcon,
  terminalIcon,
  textEditorIcon,
} from "@jupyterlab/ui-components";
import { Widget } from "@lumino/widgets";

import { type Child, element } from "./dom";
import { containersIcon, layersIcon } from "./icons";
import type { Live } from "./live";
import {
  type Container,
  type Holdings,
  type Image,
  type ListName,
  grouped,
  imageName,
  isSpare,
  particulars,
  runs,
  size,
} from "./model";
import { DEFAULTS, type Preferences } from "./preferences";
import { Section, arrows } from "./section";

export type Verb = "start" | "stop" | "log" | "terminal" | "remove";

/** What the panel's buttons do. */
export interface Deeds {
  act(verb: Verb, container: Container): void;
  layers(image: Image): void;
}

interface Row {
  readonly container: Container;
  readonly node: HTMLLIElement;
}

export class Panel extends Widget {
  private readonly _note = element("div", { class: "state", role: "status" });
  private readonly _sections: Readonly<
    Record<"here" | "mine" | "others" | "images" | "networks" | "volumes" | "disk", Section>
  >;
  private readonly _measure: HTMLButtonElement;
  private _rows = new Map<string, Row>();
  private _path = "";
  private _preferences = DEFAULTS;
  private _drawn: Holdings | null = null;
  private readonly _changed = (): void => {
    this.update();
  };

  constructor(
    private readonly _live: Live,
    private readonly _deeds: Deeds,
    private readonly _trans: TranslationBundle,
  ) {
    super();
    const trans = _trans;
    this.id = "container-magics-panel";
    this.addClass("container-magics-panel");
    this.title.icon = containersIcon;
    this.title.caption = trans.__("Containers");
    this.node.setAttribute("role", "region");
    this.node.setAttribute("aria-label", trans.__("Containers"));
    const none = trans.__("none");
    this._sections = {
      here: new Section(trans.__("Containers of this notebook"), none, true),
      mine: new Section(trans.__("Containers of my other notebooks"), none, true),
      others: new Section(trans.__("Other containers"), none, true),
      images: new Section(trans.__("Images"), none, false),
      networks: new Section(trans.__("Networks"), none, false),
      volumes: new Section(trans.__("Volumes"), none, false),
      disk: new Section(trans.__("Disk use"), trans.__("not measured yet"), false),
    };
    this._measure = element("button", { type: "button", class: "jp-Button jp-mod-styled jp-mod-accept measure" }, trans.__("Measure"));
    this._measure.addEventListener("click", () => void this._measureDisk());
    this._sections.disk.append(this._measure);
    const sections = Object.values(this._sections).map((one) => one.node);
    this.node.append(this._note, ...sections);
    this.node.addEventListener("keydown", arrows);
    _live.changed.connect(this._changed);
    this.update();
  }

  /** Which notebook is in front of the reader, as a path of the server's; "" for none. */
  set path(path: string) {
    this._path = path;
    this.update();
  }

  set preferences(set: Preferences) {
    this._preferences = set;
    this.update();
  }

  override dispose(): void {
    this._live.changed.disconnect(this._changed);
    super.dispose();
  }

  protected override onUpdateRequest(): void {
    const holdings = this._live.holdings;
    this._drawState(holdings);
    this._drawContainers(holdings);
    this._drawRest(holdings);
    this._drawn = holdings;
  }

  private _drawState({ state }: Holdings): void {
    const waiting = this._trans.__("Looking for an engine");
    const words = state === null ? waiting : state.ok ? "" : `${state.message} ${state.hint}`;
    if (this._note.textContent !== words) {
      this._note.replaceChildren(...(words ? [element("span", {}, words)] : []));
    }
    this.node.classList.toggle("no-engine", state?.ok === false);
  }

  private _drawContainers({ containers, state }: Holdings): void {
    const focused = this._focused();
    const before = this._rows;
    this._rows = new Map(
      containers.map((container) => {
        const known = before.get(container.container_id);
        const same = known !== undefined && isSame(known.container, container);
        return [container.container_id, same ? known : { container, node: this._row(container) }];
      }),
    );
    const rows = (some: ReadonlyArray<Container>): HTMLLIElement[] =>
      some.flatMap((one) => this._rows.get(one.container_id)?.node ?? []);
    const { notebookFirst, othersToo } = this._preferences;
    const groups = grouped(containers, notebookFirst ? this._path : "", state?.root ?? "");
    this._sections.here.show(rows(groups.here));
    this._sections.mine.show(rows(groups.mine));
    this._sections.others.show(rows(groups.others));
    this._sections.here.node.hidden = !notebookFirst || (this._path === "" && groups.here.length === 0);
    this._sections.others.node.hidden = !othersToo;
    this._focus(focused);
  }

  /** The container and the verb of the button that has the keyboard. */
  private _focused(): [string, string] | null {
    const active = document.activeElement;
    if (!(active instanceof HTMLElement) || !this.node.contains(active)) {
      return null;
    }
    const row = active.closest<HTMLElement>("[data-container]");
    return row ? [row.dataset.container ?? "", active.dataset.verb ?? ""] : null;
  }

  /** Give it back, where its row was drawn anew: else a keyboard's reader would lose the place. */
  private _focus(focused: [string, string] | null): void {
    const row = focused && this._rows.get(focused[0])?.node;
    if (!row || row.contains(document.activeElement)) {
      return;
    }
    const buttons = [...row.querySelectorAll<HTMLButtonElement>("button:not(:disabled)")];
    (buttons.find((one) => one.dataset.verb === focused[1]) ?? buttons[0])?.focus();
  }

  private _row(container: Container): HTMLLIElement {
    const { name, image, state } = container;
    const trans = this._trans;
    const up = runs(container);
    const made = (verb: Verb, label: string, icon: LabIcon, disabled = false): HTMLButtonElement =>
      button(verb, label, icon, disabled, () => {
        this._deeds.act(verb, container);
      });
    const buttons = [
      up ? made("stop", trans.__("Stop %1", name), stopIcon) : made("start", trans.__("Start %1", name), runIcon),
      made("log", trans.__("Log of %1", name), textEditorIcon),
      made("terminal", trans.__("Terminal in %1", name), terminalIcon, state !== "running"),
      made("remove", trans.__("Remove %1", name), closeIcon),
    ];
    const row = element(
      "li",
      { class: `row ${up ? "up" : "down"}`, title: particulars(container) },
      element("span", { class: "dot", "aria-hidden": "true" }),
      element("span", { class: "name" }, name),
      element("span", { class: "pale" }, told(isSpare(container) ? trans.__("started ahead for a cell") : state, image)),
      element("span", { class: "buttons", role: "group", "aria-label": name }, ...buttons),
    );
    row.dataset.container = container.container_id;
    return row;
  }

  private _drawRest(holdings: Holdings): void {
    const used = (containers: ReadonlyArray<string>): string =>
      containers.length ? containers.join(", ") : this._trans.__("no container");
    const draw = (list: ListName & keyof typeof this._sections, rows: () => HTMLLIElement[]): void => {
      if (this._drawn?.[list] !== holdings[list]) {
        this._sections[list].show(rows());
      }
    };
    draw("images", () =>
      holdings.images.map((one) => this._imageRow(one)),
    );
    draw("networks", () =>
      holdings.networks.map((one) => plainRow(one.name, told(one.driver, used(one.containers)))),
    );
    draw("volumes", () =>
      holdings.volumes.map((one) => plainRow(one.name, told(one.driver, used(one.containers)))),
    );
    if (this._drawn?.disk !== holdings.disk) {
      this._drawDisk(holdings.disk);
    }
  }

  /** With what all of it takes beside the title; with nothing there before it is measured. */
  private _drawDisk(disk: Holdings["disk"]): void {
    const rows = (disk ?? []).map((one) => {
      const free = this._trans.__("%1 in no use", size(one.reclaimable_bytes));
      const name = `${one.kind} (${String(one.number)})`;
      return plainRow(name, told(size(one.size_bytes), free));
    });
    const whole = (disk ?? []).reduce((sum, one) => sum + one.size_bytes, 0);
    this._sections.disk.show(rows, disk ? size(whole) : "");
  }

  private _imageRow(image: Image): HTMLLIElement {
    const name = imageName(image);
    const row = plainRow(name, size(image.size_bytes));
    const layers = button("layers", this._trans.__("Layers of %1", name), layersIcon, false, () => {
      this._deeds.layers(image);
    });
    row.append(element("span", { class: "buttons", role: "group", "aria-label": name }, layers));
    return row;
  }

  private async _measureDisk(): Promise<void> {
    this._measure.disabled = true;
    await this._live.read("disk");
    this._measure.disabled = false;
  }
}

function told(...parts: ReadonlyArray<string>): string {
  return parts.join(" · ");
}

function button(
  verb: string,
  label: string,
  icon: LabIcon,
  disabled: boolean,
  press: () => void,
): HTMLButtonElement {
  const made = element("button", { type: "button", title: label, "aria-label": label });
  made.dataset.verb = verb;
  made.disabled = disabled;
  made.append(icon.element({ tag: "span", "aria-hidden": "true" } as LabIcon.IProps));
  made.addEventListener("click", press);
  return made;
}

function plainRow(name: string, text: string): HTMLLIElement {
  const children: Child[] = [element("span", { class: "name" }, name), element("span", { class: "pale" }, text)];
  return element("li", { class: "row", title: `${name} ${text}` }, ...children);
}

/** Whether nothing that is shown differs; "Up 2 minutes" is told by the engine at each turn. */
function isSame(one: Container, other: Container): boolean {
  return one === other || JSON.stringify(one) === JSON.stringify(other);
}
