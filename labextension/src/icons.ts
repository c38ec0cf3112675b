// Our own icons, in the theme's colour.
import { LabIcon } from "@jupyterlab/ui-components";

/** Boxes on one another. */
export const containersIcon = new LabIcon({
  name: "container-magics:containers",
  svgstr: `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24">
  <path class="jp-icon3 jp-icon-selectable" fill="#616161"
    d="M3 13h8v8H3zm2 2v4h4v-4zm8-2h8v8h-8zm2 2v4h4v-4zM8 3h8v8H8zm2 2v4h4V5z"/>
</svg>`,
});

/** Sheets that lie on one another. */
export const layersIcon = new LabIcon({
  name: "container-magics:layers",
  svgstr: `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24">
  <path class="jp-icon3 jp-icon-selectable" fill="#616161"
    d="M12 3 2 8.5 12 14l10-5.5zM4.2 12 2 13.2l10 5.5 10-5.5L19.8 12 12 16.3z"/>
</svg>`,
});
