"""The container kernel before jupyter_kernel_test, which others wrote for every kernel."""

from __future__ import annotations

import os
import sys
from typing import Any, ClassVar

import jupyter_kernel_test
from conftest import Notebook
from jupyter_client.manager import KernelManager
from kernelplay import BASE

from container_magics.engine.base import ensure_base
from container_magics.engine.client import connect


class ContainerKernelTests(jupyter_kernel_test.KernelTests):
    """What both languages share: the kernel is started by its argv."""

    __test__ = False
    words: ClassVar[tuple[str, ...]] = (BASE,)

    @classmethod
    def setUpClass(cls) -> None:
        ensure_base(connect(), print)
        cls.km = KernelManager(kernel_name="container-magics")
        assert cls.km.kernel_spec
        argv = [sys.executable, "-m", "container_magics.kernel", "-f", "{connection_file}", "--"]
        cls.km.kernel_spec.argv = [*argv, *cls.words]
        clean = {k: v for k, v in os.environ.items() if k not in ("CI", "PYTEST_VERSION")}
        cls.km.start_kernel(env=clean)
        cls.kc = cls.km.blocking_client()
        cls.kc.start_channels()
        cls.kc.wait_for_ready(timeout=60)


class TestShellKernel(ContainerKernelTests):
    """bash in the course's base image."""

    __test__ = True
    language_name = "bash"
    file_extension = ".sh"
    code_hello_world = "echo hello, world"
    code_stderr = "echo oh >&2"
    code_page_something = "%image?"
    code_generate_error = "(exit 3)"
    code_execute_result: ClassVar[list[dict[str, str]]] = [
        {"code": "%images", "mime": "text/html"},
        {"code": "%containers", "mime": "text/html"},
        {"code": "%container changes", "mime": "text/plain"},
    ]
    code_display_data: ClassVar[list[dict[str, str]]] = [
        {"code": "echo '<b>x</b>' | show html", "mime": "text/html"},
        {"code": "echo '{\"a\": 1}' | show json", "mime": "application/json"},
        {"code": "printf 'a,b\\n1,2\\n' | show csv", "mime": "text/html"},
    ]
    completion_samples: ClassVar[list[dict[str, Any]]] = [
        {"text": "ls /etc/hostn", "matches": {"/etc/hostname"}},
        {"text": "echo $HOM", "matches": {"HOME"}},
        {"text": "mkdi", "matches": {"mkdir"}},
        {"text": "%%contai", "matches": {"%%container"}},
    ]
    complete_code_samples: ClassVar[list[str]] = ["echo a", "for n in 1 2; do echo $n; done", ""]
    incomplete_code_samples: ClassVar[list[str]] = ["for n in 1 2", "echo 'a", "cat <<E\na"]
    invalid_code_samples: ClassVar[list[str]] = ["fi", "echo )"]
    code_history_pattern = "%container changes"
    code_clear_output = "clear"
    supported_history_operations = ("tail", "range", "search")  # type: ignore[assignment]
    code_inspect_sample = "grep"


class TestWelcome(jupyter_kernel_test.IopubWelcomeTests):
    """Who listens is told so: jupyter_kernel_test's second class."""

    kernel_name = "container"
    support_iopub_welcome = True

    @classmethod
    def setUpClass(cls) -> None:
        ensure_base(connect(), print)
        super().setUpClass()


class TestPythonKernel(ContainerKernelTests):
    """Python in an image that has it; nothing of Jupyter is in there."""

    __test__ = True
    image = f"cm-test-kernel-standard-{os.getpid()}"  # a worker's own
    words: ClassVar[tuple[str, ...]] = ("--language", "python", image)
    language_name = "python"
    file_extension = ".py"
    code_hello_world = "print('hello, world')"
    code_stderr = "import sys; print('oh', file=sys.stderr)"
    code_page_something = "%images?"
    code_execute_result: ClassVar[list[dict[str, str]]] = [
        {"code": "1 + 2", "result": "3"},
        {"code": "1 + 3", "result": "4"},
        {"code": "'a' * 3", "result": "'aaa'"},
    ]
    code_display_data: ClassVar[list[dict[str, str]]] = [
        {"code": "display(1)", "mime": "text/plain"},
    ]
    completion_samples: ClassVar[list[dict[str, Any]]] = [
        {"text": "isinst", "matches": {"isinstance"}},
        {"text": "str.isdec", "matches": {"str.isdecimal"}},
    ]
    complete_code_samples: ClassVar[list[str]] = ["1", "print('a')", "x = (1,\n2)"]
    incomplete_code_samples: ClassVar[list[str]] = ["for x in 1, 2:", "x = (1,", "'''a"]
    invalid_code_samples: ClassVar[list[str]] = ["x = ", "for"]
    code_history_pattern = "1 + 2"
    code_clear_output = "clear()"
    code_generate_error = "1 / 0"
    supported_history_operations = ("tail", "range", "search")  # type: ignore[assignment]
    code_inspect_sample = "str.upper"

    @classmethod
    def setUpClass(cls) -> None:
        ensure_base(connect(), print)
        maker = Notebook()
        made = maker.run(
            f"%%image {cls.image}\nFROM {BASE}\nRUN apt-get update -qq && apt-get install -qq -y"
            " --no-install-recommends python3 && apt-get clean"
        )
        maker.close()
        assert not made.error, made.told
        super().setUpClass()

    @classmethod
    def tearDownClass(cls) -> None:
        super().tearDownClass()
        connect().api.remove_image(cls.image, force=True)
