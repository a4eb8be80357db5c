#!/usr/bin/env python3
"""Prefill and decode beside llama.cpp's: the same shapes, weight types, cache and threads, interleaved (turns.py).

    CMAKE_ARGS=-DGGML_NATIVE=ON venv/bin/pip install llama-cpp-python gguf numpy
    venv/bin/python tests/peers/llama_cpp_peer.py build/tests/peers/step [ROW]... [--seconds S] [--json FILE] [--also PYTHON]

llama.cpp reads a GGUF file that is written here, with each tensor of the type that our recipe gives it and blocks of
random bits: its speed doesn't depend on them. Its settings are flash attention or not, and weights repacked or not; the
cache is f16. A decode step computes the last of the context's positions for each sequence, as ours does.
"""
import pathlib
import sys
import tempfile

import turns

NAME = "llama.cpp"
ROWS = [f"llama/tinyllama-1.1b/decode/{dtype}/b1/s{context}" for dtype in ("q4_0", "q8_0", "q4_K_M") for context in (1, 2048)]
ROWS += [f"llama/tinyllama-1.1b/prefill/{dtype}/b1/s512" for dtype in ("q4_0", "q8_0", "q4_K_M")]
ROWS += [f"llama/tinyllama-1.1b/decode/{dtype}/b8/s512" for dtype in ("q4_0", "q8_0", "q4_K_M")]

# layers, hidden, heads, key heads, feed-forward, vocabulary, a head of its own
SHAPES = {
    "llama-15m": (6, 288, 6, 6, 768, 32000, False),
    "smollm-135m": (30, 576, 9, 3, 1536, 49152, False),
    "smollm-360m": (32, 960, 15, 5, 2560, 49152, False),
    "tinyllama-1.1b": (22, 2048, 32, 4, 5632, 32000, True),
}


def load():
    import llama_cpp  # noqa: F401
    import gguf  # noqa: F401


def our_arguments(case):
    return []


def build():
    """The matrix instructions that this build may use. A build with AMX can crash where one without (--also) does not."""
    import llama_cpp as llama

    return "built with AMX" if b"AMX_INT8 = 1" in llama.llama_print_system_info() else "built without AMX"


def settings_of(case):
    return {"flash attention": {"flash": True}, "no flash attention": {"flash": False},
            "flash attention, not repacked": {"flash": True, "repack": False}}


def tensor_type(recipe, kind, columns, layer, layers):
    """models/families/recipe.c's rule, as gguf's types."""
    from gguf import GGMLQuantizationType as T

    base = {"f16": T.F16, "q8_0": T.Q8_0, "q4_0": T.Q4_0, "q4_K": T.Q4_K, "q6_K": T.Q6_K, "q4_K_M": T.Q4_K}[recipe]
    if kind == "head":
        base = base if recipe in ("f16", "q8_0") else T.Q6_K
    eighth = layers // 8
    more = layer < eighth or layer >= 7 * layers // 8 or (layer - eighth) % 3 == 2
    if recipe == "q4_K_M" and kind in ("value", "down") and more:
        base = T.Q6_K
    if base in (T.Q4_K, T.Q6_K) and columns % 256:
        base = T.Q8_0
    return base


def random_blocks(draw, dtype, rows, columns):
    """Rows of blocks with small scales and random quants."""
    import numpy
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType as T

    block, size = GGML_QUANT_SIZES[dtype]
    if dtype == T.F16:
        return (draw.standard_normal((rows, columns), numpy.float32) * 0.02).astype(numpy.float16)
    blocks = draw.integers(0, 256, (rows * columns // block, size), numpy.uint8)
    scale = numpy.frombuffer(numpy.float16(1e-3).tobytes(), numpy.uint8)
    places = {T.Q8_0: (0,), T.Q4_0: (0,), T.Q4_K: (0, 2), T.Q6_K: (208,)}[dtype]
    for at in places:
        blocks[:, at:at + 2] = scale
    return blocks.reshape(rows, columns // block * size)


def write_model(path, case):
    import gguf
    import numpy

    layers, hidden, heads, kv_heads, feed_forward, vocabulary, untied = SHAPES[case.size]
    head_dim = 48 if case.size == "llama-15m" else 64
    draw = numpy.random.default_rng(1)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(4096)
    writer.add_embedding_length(hidden)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(feed_forward)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_rope_dimension_count(head_dim)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(vocabulary)
    writer.add_tokenizer_model("none")

    def norm(name):
        writer.add_tensor(name, numpy.ones(hidden, numpy.float32))

    def matrix(name, kind, rows, columns, layer=0):
        dtype = tensor_type(case.dtype, kind, columns, layer, layers)
        blocks = random_blocks(draw, dtype, rows, columns)
        writer.add_tensor(name, blocks, raw_dtype=None if dtype == gguf.GGMLQuantizationType.F16 else dtype)

    matrix("token_embd.weight", "embedding" if untied else "head", vocabulary, hidden)
    for i in range(layers):
        norm(f"blk.{i}.attn_norm.weight")
        matrix(f"blk.{i}.attn_q.weight", "", heads * head_dim, hidden, i)
        matrix(f"blk.{i}.attn_k.weight", "", kv_heads * head_dim, hidden, i)
        matrix(f"blk.{i}.attn_v.weight", "value", kv_heads * head_dim, hidden, i)
        matrix(f"blk.{i}.attn_output.weight", "", hidden, heads * head_dim, i)
        norm(f"blk.{i}.ffn_norm.weight")
        matrix(f"blk.{i}.ffn_gate.weight", "", feed_forward, hidden, i)
        matrix(f"blk.{i}.ffn_up.weight", "", feed_forward, hidden, i)
        matrix(f"blk.{i}.ffn_down.weight", "down", hidden, feed_forward, i)
    norm("output_norm.weight")
    if untied:
        matrix("output.weight", "head", vocabulary, hidden)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def model_file(case):
    """Written once a type and kept while the comparison lasts."""
    folder = pathlib.Path(tempfile.gettempdir()) / "llama_cpp_peer"
    folder.mkdir(exist_ok=True)
    path = folder / f"{case.size}-{case.dtype}.gguf"
    if not path.exists():
        partial = path.with_suffix(".partial")
        write_model(partial, case)
        partial.rename(path)
    return path


def make_step(case, threads, flash, repack=True):
    import llama_cpp as llama

    llama.llama_backend_init()
    parameters = llama.llama_model_default_params()
    parameters.use_extra_bufts = repack
    model = llama.llama_model_load_from_file(str(model_file(case)).encode(), parameters)
    if not model:
        raise RuntimeError("the model file isn't read")
    settings = llama.llama_context_default_params()
    settings.n_ctx = max(256, case.context + 1) * case.batch
    settings.n_seq_max = case.batch
    settings.n_batch = settings.n_ubatch = 512
    settings.n_threads = settings.n_threads_batch = threads
    settings.flash_attn_type = 1 if flash else 0
    context = llama.llama_init_from_model(model, settings)
    if not context:
        raise RuntimeError("no context")
    memory = llama.llama_get_memory(context)

    def make_batch(positions, sequences, last_only):
        batch = llama.llama_batch_init(len(positions) * len(sequences), 0, 1)
        batch.n_tokens = len(positions) * len(sequences)
        for i, (position, sequence) in enumerate((p, s) for p in positions for s in sequences):
            batch.token[i] = (position * 7919 + sequence * 104729 + 1) % SHAPES[case.size][5]
            batch.pos[i] = position
            batch.n_seq_id[i] = 1
            batch.seq_id[i][0] = sequence
            batch.logits[i] = not last_only or position == positions[-1]
        return batch

    def decode(batch):
        if llama.llama_decode(context, batch):
            raise RuntimeError("llama_decode failed")
        llama.llama_synchronize(context)

    if case.mode == "prefill":
        if case.batch != 1 or case.context > 512:
            raise RuntimeError("one sequence of up to 512 tokens is prefilled at once")
        whole = make_batch(range(case.context), [0], True)

        def step():
            llama.llama_memory_clear(memory, False)
            decode(whole)
        return step

    for sequence in range(case.batch):
        for first in range(0, case.context - 1, 512):
            decode(make_batch(range(first, min(first + 512, case.context - 1)), [sequence], True))
    one = make_batch([case.context - 1], list(range(case.batch)), False)

    def step():
        for sequence in range(case.batch):
            llama.llama_memory_seq_rm(memory, sequence, case.context - 1, -1)
        decode(one)
    return step


if __name__ == "__main__":
    turns.main(sys.modules[__name__])
