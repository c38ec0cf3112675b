"""A provisioned kernel by jupyter_kernel_test: what others hold every kernel against."""

from __future__ import annotations

import unittest
from collections.abc import Iterator

import pytest
from incontainer import Kernels
from jupyter_kernel_test import KernelTests


@pytest.fixture(scope="module")
def kernelspecs(kernel_image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("jupyter")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(folder))
        made = Kernels(folder)
        made.provisioned(kernel_image)
        yield


@pytest.mark.usefixtures("kernelspecs")
class TestProvisioned(KernelTests, unittest.TestCase):
    """Everything that jupyter_kernel_test knows, of Debian's ipykernel in a container."""

    kernel_name = "provisioned"
    language_name = "python"
    file_extension = ".py"
    code_hello_world = "print('hello, world')"
    code_stderr = "import sys; print('test', file=sys.stderr)"
    completion_samples = [  # noqa: RUF012 - it is how the package is used
        {"text": "zi", "matches": {"zip"}},
        {"text": "print.__na", "matches": {"__name__"}},
    ]
    complete_code_samples = ["1", "print('hello, world')", "def f(x):\n  return x*2\n\n\n"]  # noqa: RUF012
    incomplete_code_samples = ["print('''hello", "def f(x):\n  x*2"]  # noqa: RUF012
    invalid_code_samples = ["import = 7q"]  # noqa: RUF012
    code_page_something = "zip?"
    code_generate_error = "raise ValueError"
    code_execute_result = [  # noqa: RUF012
        {"code": "1+2+3", "result": "6"},
        {"code": "[n*n for n in range(1, 4)]", "result": "[1, 4, 9]"},
    ]
    code_display_data = [  # noqa: RUF012
        {
            "code": "from IPython.display import HTML, display; display(HTML('<b>test</b>'))",
            "mime": "text/html",
        },
        {"code": "from IPython.display import Math, display; display(Math('a'))",
         "mime": "text/latex"},
    ]  # fmt: skip
    code_history_pattern = "1?2*"
    supported_history_operations = ("tail", "search")  # IPython calls its own session 0 in a range
    code_inspect_sample = "zip"
    code_clear_output = "from IPython.display import clear_output; clear_output()"


del KernelTests  # pytest would run the base class, too
