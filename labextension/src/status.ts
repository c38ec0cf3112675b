// The status bar's item: which engine this is, or that none answers. A click opens the sidebar.
import type { TranslationBundle } from "@jupyterlab/translation";
import { Widget } from "@lumino/widgets";

import { element } from "./dom";
import type { Live } from "./live";
import { isSpare, runs } from "./model";

export class Status extends Widget {
  private readonly _button = element("button", { type: "button" });
  private readonly _changed = (): void => {
    this.update();
  };

  constructor(
    private readonly _live: Live,
    open: () => void,
    private readonly _trans: TranslationBundle,
  ) {
    super();
    this.addClass("container-magics-status");
    this.node.append(this._button);
    this._button.addEventListener("click", open);
    _live.changed.connect(this._changed);
    this.update();
  }

  override dispose(): void {
    this._live.changed.disconnect(this._changed);
    super.dispose();
  }

  protected override onUpdateRequest(): void {
    const { state, containers } = this._live.holdings;
    const up = String(containers.filter((one) => runs(one) && !isSpare(one)).length);
    const words = !state
      ? this._trans.__("Looking for an engine")
      : state.ok
        ? `${state.name} ${state.version}: ${this._trans.__("%1 running", up)}`
        : `⚠ ${this._trans.__("No engine")}`;
    const title = state?.ok ? this._trans.__("Show the containers") : (state?.message ?? "");
    this._button.replaceChildren(element("span", {}, words));
    this._button.title = title;
    this.toggleClass("no-engine", state?.ok === false);
  }
}
