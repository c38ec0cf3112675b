"""%%image: the cell is a Dockerfile. %image, %images: what images are here, and their life."""

from __future__ import annotations

from typing import Any

from IPython.core.magic import line_cell_magic, line_magic, magics_class

from container_magics.core.buildflags import BuildRequest, build_parser, parse_build
from container_magics.core.imageflags import image_parser, images_parser
from container_magics.errors import UsageError
from container_magics.jupyter.magics.common import BenchMagics, told
from container_magics.jupyter.workbench import bytes_of


@magics_class
class ImageMagics(BenchMagics):
    """The magics of images."""

    @line_cell_magic
    @told(build_parser, image_parser)
    def image(self, line: str, cell: str | None = None) -> None:
        """Build an image from the cell, or do one verb of an image's life."""
        if cell is None:
            import container_magics.jupyter.images as images

            images.image(self.bench, image_parser().parse(line))
            return
        from container_magics.jupyter.build import play_build

        request = parse_build(line)
        if not cell.strip():
            raise UsageError("The cell is empty: there is nothing to build.")
        text = self.bench.expanded(cell) if request.expand else cell
        labels = tuple(self.bench.owner.image_labels().items())
        spec = request.spec_for(text, self.added(request), labels)
        play_build(self.bench, spec, quiet=request.quiet)

    def added(self, request: BuildRequest) -> tuple[tuple[str, bytes], ...]:
        """The files that --add makes of Python variables."""
        return tuple(
            (path, content(variable, self.bench.variable(variable)))
            for path, variable in request.added
        )

    @line_magic
    @told(images_parser)
    def images(self, line: str) -> Any:
        """List images."""
        import container_magics.jupyter.images as images

        return images.images(self.bench, images_parser().parse(line))


def content(name: str, value: object) -> bytes:
    """The bytes of a variable that is to be a file: str as UTF-8, bytes as they are."""
    data = bytes_of(value)
    if data is not None:
        return data
    raise UsageError(
        f"--add: {name} is a {type(value).__name__}, which is not the content of a file.",
        hint="Give a str or bytes.",
    )
