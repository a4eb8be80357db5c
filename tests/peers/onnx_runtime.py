#!/usr/bin/env python3
"""Our forward steps beside ONNX Runtime's: the same model, shapes, threads and machine, interleaved in one run (turns.py).

    venv/bin/pip install torch onnx onnxscript onnxruntime numpy
    venv/bin/python tests/peers/onnx_runtime.py build/tests/peers/step [ROW]... [--seconds S] [--json FILE]

The models are those of tests/golden/families.py with the program's own weights, exported from PyTorch once a row into a
temporary folder. The graph is optimised as far as ONNX Runtime does; its settings are threads that spin or sleep between
ops, and for transformers their attention, GELU and norms fused by its own tool beforehand. Its CPU kernels multiply no
bf16 on x86, so bf16 rows have no counterpart.
"""
import contextlib
import json
import multiprocessing
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "golden"))

import turns

NAME = "ONNX Runtime"
ROWS = [
    "cnn/resnet-50/forward/f32/b1",
    "cnn/resnet-50/forward/f32/b8",
    "cnn/mobilenet-v2/forward/f32/b1",
    "bert/bert-base/forward/f32/b8/s128",
    "vit/vit-base/forward/f32/b8",
    "gpt2/gpt2-124m/forward/f32/b1/s64",
    "gpt2/gpt2-124m/forward/f32/b4/s64",
    "whisper/whisper-base/forward/f32/b1/s64",
    "whisper-encoder/whisper-base-encoder/forward/f32/b1",
]
FUSED_AS = {"bert": "bert", "gpt2": "gpt2", "vit": "vit", "whisper": "bart", "whisper-encoder": "bart"}  # what its tool calls the kind of model
FOLDER = tempfile.TemporaryDirectory(prefix="onnx_runtime_peer-")


def load():
    import onnxruntime  # noqa: F401


def our_arguments(case):
    return []




def settings_of(case):
    tried = {"spinning": {}, "sleeping": {"spin": False}}
    if case.family in FUSED_AS:
        tried |= {f"fused, {name}": dict(given, fused=True) for name, given in tried.items()}
    return tried


def export(case, folder):
    """Writes model.onnx, the input beside it, and what the model is: in a process of its own, for PyTorch's memory."""
    import numpy
    import torch

    import families
    import pytorch

    with contextlib.redirect_stdout(sys.stderr):
        model = families.build(case.family, case.size).generate(case.dtype).eval()
        x = families.make_inputs(model, case.batch, case.context, case.dtype)[0]
        with torch.no_grad():
            torch.onnx.export(model, (x,), str(folder / "model.onnx"), input_names=["x"], output_names=["y"], dynamo=True)
    numpy.save(folder / "x.npy", x.numpy())
    about = {"parameters": pytorch.parameters_of(model, case)}
    (folder / "about.json").write_text(json.dumps(about), encoding="utf-8")


def fuse(case, folder):
    """The tool's model beside the exported one; how many ops it fused tells whether it knew the model."""
    from onnxruntime.transformers import optimizer

    import families

    size = families.SIZES[case.size]
    with contextlib.redirect_stdout(sys.stderr):
        fused = optimizer.optimize_model(str(folder / "model.onnx"), model_type=FUSED_AS[case.family],
                                         num_heads=size["heads"], hidden_size=size["hidden"], opt_level=0)
        fused.save_model_to_file(str(folder / "fused.onnx"), use_external_data_format=True)


def in_a_process(work, *arguments):
    worker = multiprocessing.get_context("spawn").Process(target=work, args=arguments)
    worker.start()
    worker.join()
    if worker.exitcode:
        raise RuntimeError(f"{work.__name__} ended with {worker.exitcode}")


def model_folder(case):
    folder = pathlib.Path(FOLDER.name)
    in_a_process(export, case, folder)
    return folder


def session_of(path, threads, spin):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spin)))
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def compute(case, threads):
    import torch

    import pytorch

    folder = model_folder(case)
    x = numpy_input(folder)
    y = session_of(folder / "model.onnx", threads, True).run(None, {"x": x})[0]
    about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
    if case.family in FUSED_AS:
        in_a_process(fuse, case, folder)
        z = session_of(folder / "fused.onnx", threads, True).run(None, {"x": x})[0]
        if abs(z - y).max() > 1e-2 * abs(y).max():
            raise RuntimeError(f"the fused model computes something else: off by {abs(z - y).max():.3g} of {abs(y).max():.3g}")
    return {"parameters": about["parameters"], **pytorch.summary_of(torch.from_numpy(y))}


def numpy_input(folder):
    import numpy

    return numpy.load(folder / "x.npy")


def make_step(case, threads, spin=True, fused=False):
    folder = model_folder(case)
    if fused:
        in_a_process(fuse, case, folder)
    session = session_of(folder / ("fused.onnx" if fused else "model.onnx"), threads, spin)
    given = {"x": numpy_input(folder)}

    def step():
        session.run(None, given)
    return step


if __name__ == "__main__":
    turns.main(sys.modules[__name__])
