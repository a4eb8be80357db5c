"""Distillation against PyTorch in double precision: data/distillation.txt, which test_models.c reads too.

The student is a model of the families, changed as the case says; the teacher as published, but with the student's
vocabulary and as many blocks as the program leaves it. Its weights are generated under names that begin with "teacher.".
"""
import torch
import torch.nn.functional as F

import families
from format import GoldenFile

COMMENT = """\
Distillation: made by tests/golden/generate.py with PyTorch, in double precision. See format.py.
output: the student's; loss; d.NAME: the gradient of its weight NAME; losses: of each of 21 training steps."""

STEPS, TEMPERATURE = 21, 2.0

# family, student, teacher, dtype, batch, context, changed configuration of the student, of the teacher
CASES = [
    ("gpt2", "distilgpt2", "gpt2-124m", dtype, 2, 9,
     {"layers": 1, "hidden": 48, "heads": 4, "vocabulary": 500}, {"layers": 2, "vocabulary": 500})
    for dtype in ("f32", "bf16")
] + [
    ("bert", "distilbert", "bert-base", dtype, 3, 7,
     {"layers": 1, "hidden": 96, "heads": 4, "feed_forward": 384, "vocabulary": 500}, {"layers": 2, "vocabulary": 500})
    for dtype in ("f32", "bf16")
]


def loss_of(student, teacher, targets):
    student, teacher = student.flatten(0, -2), teacher.flatten(0, -2)
    soft = F.kl_div(F.log_softmax(student / TEMPERATURE, -1), F.log_softmax(teacher / TEMPERATURE, -1),
                    reduction="batchmean", log_target=True)
    return F.cross_entropy(student, targets.flatten()) / 2 + TEMPERATURE**2 * soft / 2


def write_case(out, family, size, teacher_size, dtype, batch, context, changes, teacher_changes):
    out.case(f"{size}-{dtype}", id=f"{family}/{size}/distill/{dtype}/b{batch}/s{context}/adamw", what="all", **changes)
    model = families.build(family, size, **changes).double().generate(dtype)
    teacher = families.build(family, teacher_size, **teacher_changes).double().generate(dtype, "teacher.").train()
    x, targets = families.make_inputs(model, batch, context, dtype)
    seen = families.make_inputs(teacher, batch, context, dtype)[0]
    with torch.no_grad():
        taught = teacher(seen)
    out.tensor("output", model.eval()(x).detach())
    loss = loss_of(model.train()(x), taught, targets)
    out.tensor("loss", loss.detach())
    loss.backward()
    for name, parameter in model.named_parameters():
        out.tensor("d." + name, model.ours(name, parameter.grad))
    if dtype == "bf16":
        model.generate("f32")  # the optimizer updates f32 masters
    optimizer, losses = families.make_optimizer(model, "adamw"), []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = loss_of(model(x), taught, targets)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    out.tensor("losses", losses)


def write(path):
    out = GoldenFile(path, COMMENT)
    for case in CASES:
        write_case(out, *case)
    out.write()
