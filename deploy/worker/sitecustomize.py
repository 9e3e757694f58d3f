"""On the PYTHONPATH of TorchServe's workers: what they import, but don't need, is left out.

TorchServe's worker imports torch for one isinstance, which an answer made of bytes never reaches:
it is imported when something uses it, not before. Without torch a worker starts sooner and needs
less than half the memory. (importlib's LazyLoader does not serve: in Python 3.11 a plain
`import torch` of what is already lazy loads it.)

openvino imports its converter of models, which takes 8 MB and as long as all the rest of it; it
does without where that can't be imported.
"""

import importlib
import importlib.machinery
import sys
import types


class LazyTorch(types.ModuleType):
    def __getattr__(self, name: str) -> object:
        if sys.modules.get("torch") is self:
            del sys.modules["torch"]
        return getattr(importlib.import_module("torch"), name)


_module = LazyTorch("torch")
_module.__spec__ = importlib.machinery.ModuleSpec("torch", None)
sys.modules["torch"] = _module
sys.modules["openvino.tools.ovc"] = None  # type: ignore[assignment]
