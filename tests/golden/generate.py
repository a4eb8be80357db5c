#!/usr/bin/env python3
"""Makes the golden files in tests/golden/data from PyTorch, gguf and
scikit-learn. Run by hand when a case is added; tests only read them.

    python3 -m venv venv && venv/bin/pip install torch numpy gguf safetensors scikit-learn transformers torchvision
    venv/bin/python tests/golden/generate.py [NAME]...
"""
import importlib
import pathlib
import sys

DATA = pathlib.Path(__file__).parent / "data"
FILES = ("ops", "optimizers", "models", "quants", "classical", "distillation", "private", "fidelity",
         "transformers_models", "torchvision_models", "recommenders",
         "model_files", "configurations", "file_weights")

if __name__ == "__main__":
    for name in sys.argv[1:] or FILES:
        if name not in FILES:
            sys.exit(f"generate.py: '{name}' is no golden file; {', '.join(FILES)} are")
        importlib.import_module(name).write(DATA / f"{name}.txt")
