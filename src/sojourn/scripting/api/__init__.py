"""What scripts see: one class a file, each host function with the right that it needs."""

from __future__ import annotations

import importlib
import pkgutil

# A class is known once its module was imported: all of them are, whoever asks for one.
for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
