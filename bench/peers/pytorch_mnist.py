"""Steps of the networks that Quern is measured at, in PyTorch.

    pytorch_mnist.py REPORT.jsonl [quick] [cpu] [HOW...] [NETWORK...]

HOW is one of
    graph          all of a step in a CUDA graph
    eager          op by op
    compile        forward and loss by torch.compile(mode="reduce-overhead"), PyTorch's own way to CUDA graphs
    compile-graph  forward and loss by torch.compile, all of a step in a CUDA graph
and NETWORK one of NETS; all of them if none is named. On a GPU, or with "cpu" on the processor, where there are no CUDA
graphs. Random data of MNIST's shape on the device; a step is: gather the batch by a permutation made beforehand, forward,
loss, backward, Adam (on a GPU PyTorch's fused one). float32 as PyTorch does it by default, without TF32. Times are wall clock
over many steps between two synchronisations; medians of rounds. Each is a line of JSON at the end of REPORT.jsonl as soon
as it is measured. Exits with 1 if a form does not work.
"""

import json
import statistics
import sys
import time

import torch
import torch.nn.functional as F

WORDS = sys.argv[2:]
QUICK = "quick" in WORDS
CPU = "cpu" in WORDS
# Layers, where ReLU follows a hidden one, dropout after each of them, rows of a batch: bench's Workload.
NETS = {
    "tutorial": ([784, 48, 15, 10], [True, False], 0.3, 32),
    "wide": ([784, 800, 800, 10], [True, True], 0.5, 128),
    "flat": ([784, 1024, 10], [True], 0, 32),
    "tapered": ([784, 320, 160, 10], [True, True], 0, 64),
}
HOWS = ["eager", "compile"] if CPU else ["graph", "eager", "compile", "compile-graph"]


def network(name, device):
    widths, relu, dropout, _ = NETS[name]
    layers = []
    for i in range(len(widths) - 1):
        layers.append(torch.nn.Linear(widths[i], widths[i + 1]))
        if i < len(widths) - 2:
            if relu[i]:
                layers.append(torch.nn.ReLU())
            if dropout > 0:
                layers.append(torch.nn.Dropout(dropout))
    return torch.nn.Sequential(*layers).to(device)


def wait(device):
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def measure(step, device, count, rounds):
    for i in range(max(20, count // 10)):
        step(i)
    wait(device)
    micros = []
    for _ in range(rounds):
        started = time.perf_counter()
        for i in range(count):
            step(i)
        wait(device)
        micros.append((time.perf_counter() - started) * 1e6 / count)
    return micros


def run(name, how, device, count, rounds):
    torch.manual_seed(1)
    batch = NETS[name][3]
    images = torch.randint(0, 256, (60000, 784), dtype=torch.uint8, device=device)
    labels = torch.randint(0, 10, (60000,), device=device)
    order = torch.randperm(60000, device=device)
    net = network(name, device)
    captured = how.endswith("graph")
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, eps=1e-7, fused=not CPU, capturable=captured)
    index = torch.zeros(batch, dtype=torch.long, device=device)

    def loss_of(x, y):
        return F.cross_entropy(net(x.float() / 255), y)

    if how == "compile":
        loss_of = torch.compile(loss_of, mode="reduce-overhead")
    elif how == "compile-graph":
        loss_of = torch.compile(loss_of)

    def work():
        # the gather is not compiled: a compiled graph would copy the whole data set in at each step
        loss = loss_of(images[index], labels[index])
        optimizer.zero_grad(set_to_none=not captured)
        loss.backward()
        optimizer.step()

    body = work
    if captured:
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                work()
        torch.cuda.current_stream().wait_stream(side)
        torch.cuda.synchronize(device)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            work()
        body = graph.replay

    steps = 60000 // batch

    def step(i):
        at = i % steps * batch
        index.copy_(order[at : at + batch])
        body()

    return measure(step, device, count, rounds)


def main():
    device = torch.device("cpu" if CPU else "cuda")
    where = f"cpu, {torch.get_num_threads()} threads" if CPU else torch.cuda.get_device_name(device)
    print(f"PyTorch {torch.__version__} on {where}", flush=True)
    nets = [name for name in NETS if name in WORDS] or list(NETS)
    failed = 0
    for how in [how for how in HOWS if how in WORDS] or HOWS:
        for name in nets:
            result = {"what": "step", "by": "PyTorch", "version": torch.__version__, "device": where}
            result.update(workload=name, how=how)
            try:
                micros = run(name, how, device, 50 if QUICK else 1875, 3 if QUICK else 7)
                result.update(micros=statistics.median(micros), least=min(micros), most=max(micros))
                print(f"PyTorch {how} {name}: {result['micros']:.2f} us a step", flush=True)
            except Exception as e:  # one form that does not work must not hide the others
                failed += 1
                result["error"] = (str(e).splitlines() or [type(e).__name__])[0]
                print(f"PyTorch {how} {name} failed: {e}", flush=True)
            with open(sys.argv[1], "ab", buffering=0) as report:
                report.write((json.dumps(result) + "\n").encode())
    return 1 if failed else 0


sys.exit(main())
