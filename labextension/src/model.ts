// What the engine holds, as the server tells it (container_magics/jupyter/serverengine.py), and how
// a message of the feed changes it. No page and no network here.

export interface State {
  readonly ok: boolean;
  readonly name: string;
  readonly version: string;
  /** The folder that the server serves, as notebooks in labels begin; "" where it is not known. */
  readonly root: string;
  /** Why no engine answers, and what to do about it; "" while one does. */
  readonly message: string;
  readonly hint: string;
}

export interface Container {
  readonly container_id: string;
  readonly name: string;
  readonly image: string;
  readonly state: string;
  readonly status: string;
  readonly ports: ReadonlyArray<readonly [string, string]>;
  readonly labels: Readonly<Record<string, string>>;
  /** Whether a notebook of this user made it, and which ("" for none). */
  readonly mine: boolean;
  readonly notebook: string;
}

export interface Image {
  readonly image_id: string;
  readonly tags: ReadonlyArray<string>;
  readonly size_bytes: number;
}

/** Its tags, or the beginning of its ID. */
export function imageName(image: Image): string {
  return image.tags.join(", ") || image.image_id.replace("sha256:", "").slice(0, 12);
}

export interface Network {
  readonly network_id: string;
  readonly name: string;
  readonly driver: string;
  readonly containers: ReadonlyArray<string>;
}

export interface Volume {
  readonly name: string;
  readonly driver: string;
  readonly containers: ReadonlyArray<string>;
}

export interface DiskUse {
  readonly kind: string;
  readonly number: number;
  readonly size_bytes: number;
  readonly reclaimable_bytes: number;
}

export interface Holdings {
  /** null while nothing is known. */
  readonly state: State | null;
  /** Newest first. */
  readonly containers: ReadonlyArray<Container>;
  readonly images: ReadonlyArray<Image>;
  readonly networks: ReadonlyArray<Network>;
  readonly volumes: ReadonlyArray<Volume>;
  /** null until it is asked for: the engine takes seconds to count. */
  readonly disk: ReadonlyArray<DiskUse> | null;
}

export type ListName = "containers" | "images" | "networks" | "volumes" | "disk";

export type Message =
  | { readonly type: "state"; readonly state: State }
  | { readonly type: "container"; readonly id: string; readonly container: Container | null }
  | { readonly type: "images" | "networks" | "volumes" };

export const NOTHING: Holdings = {
  state: null,
  containers: [],
  images: [],
  networks: [],
  volumes: [],
  disk: null,
};

/** Lists that are read at the beginning, and whenever an engine answers again. */
export const LISTS: ReadonlyArray<ListName> = ["containers", "images", "networks", "volumes"];

/** What is held after the message, and the lists that are to be read again. */
export function applied(before: Holdings, message: Message): [Holdings, ReadonlyArray<ListName>] {
  switch (message.type) {
    case "state":
      return message.state.ok
        ? [{ ...before, state: message.state }, LISTS]
        : [{ ...NOTHING, state: message.state }, []];
    case "container":
      return [{ ...before, containers: replaced(before.containers, message) }, []];
    default:
      return [before, [message.type]];
  }
}

function replaced(
  containers: ReadonlyArray<Container>,
  message: Extract<Message, { type: "container" }>,
): ReadonlyArray<Container> {
  const { id, container } = message;
  const known = containers.some((one) => one.container_id === id);
  if (container === null) {
    return containers.filter((one) => one.container_id !== id);
  }
  return known
    ? containers.map((one) => (one.container_id === id ? container : one))
    : [container, ...containers];
}

export interface Groups {
  readonly here: ReadonlyArray<Container>;
  readonly mine: ReadonlyArray<Container>;
  readonly others: ReadonlyArray<Container>;
}

/** The containers of the notebook at `path` of a server of the folder `root` ("" for none of its own),
 * of the user's other notebooks, and all others; in each, those that run come first. */
export function grouped(containers: ReadonlyArray<Container>, path: string, root: string): Groups {
  const ordered = [...containers].sort((one, other) => Number(runs(other)) - Number(runs(one)));
  const isHere = (one: Container): boolean => isOf(one, path, root);
  return {
    here: ordered.filter(isHere),
    mine: ordered.filter((one) => one.mine && !isHere(one)),
    others: ordered.filter((one) => !one.mine),
  };
}

function isOf(container: Container, path: string, root: string): boolean {
  const place = path.replace(/^[A-Za-z]+:/, ""); // a drive of JupyterLab's, such as RTC:
  const { mine, notebook } = container;
  if (!mine || place === "") {
    return false;
  }
  const whole = `${plain(root).replace(/\/+$/, "")}/${place}`;
  return root === "" ? plain(notebook).endsWith(whole) : plain(notebook) === whole;
}

/** A path as the page writes paths, whatever machine the server is on. */
function plain(path: string): string {
  return path.replaceAll("\\", "/");
}

/** Whether the kernel started it ahead, for the next cell (docs/decisions/0012-spare.md): it bears the
 * name of a spare also while a cell runs in it. */
export function isSpare(container: Container): boolean {
  return container.labels["container-magics.purpose"] === "spare";
}

/** Whether its programs are there, be they paused. */
export function runs(container: Container): boolean {
  return ["running", "paused", "restarting"].includes(container.state);
}

/** Three figures and a decimal unit, as core/units.py writes them: "12.8 MB". */
export function size(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
  let [value, step] = [bytes, 0];
  while (value >= 999.5 && step < units.length - 1) {
    [value, step] = [value / 1000, step + 1];
  }
  return `${String(Number(value.toPrecision(3)))} ${units[step] ?? ""}`;
}

/** The title of a container's row: all that is known of it, its labels last. */
export function particulars(container: Container): string {
  const ports = container.ports.map(([inside, outside]) => `${outside} → ${inside}`);
  const labels = Object.entries(container.labels)
    .filter(([key]) => !key.startsWith("container-magics."))
    .map(([key, value]) => `${key}=${value}`);
  return [
    container.image,
    container.status,
    container.container_id.slice(0, 12),
    container.notebook,
    ...ports,
    ...labels,
  ]
    .filter((part) => part !== "")
    .join(" · ");
}
