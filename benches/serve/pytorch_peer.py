"""The networks of a model file in PyTorch, behind KServe's own server of its protocol: what `apd serve` is measured beside.

    python pytorch_peer.py MODEL.safetensors PORT

One process, as KServe's server runs a model: PyTorch takes its threads itself. All networks are evaluated at once, by batched products.
"""

import logging
import sys
from pathlib import Path

import numpy as np
import torch
from kserve import InferOutput, InferResponse, Model, ModelServer

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests/readers"))
import model_file


class Networks(Model):
    def __init__(self, path):
        super().__init__("digits")
        apd, tensors = model_file.read(path)
        networks, widths = model_file.networks(tensors), apd["metadata"]["apd.fitted"][0]["network"]["mlp"]["widths"]
        table = apd["metadata"]["apd.table"]
        numbers = [c["role"]["feature"]["number"] for c in table["schema"]["columns"] if "feature" in c["role"]]
        self.mean, self.sd = (torch.tensor([number[key] for number in numbers]) for key in ("mean", "sd"))
        self.power, self.layers, at = table["calibration"]["classes"]["power"], [], 0
        for n, m in zip(widths, widths[1:]):
            weight = networks[:, at : at + n * m].reshape(-1, m, n).transpose(0, 2, 1)
            bias = networks[:, None, at + n * m : at + n * m + m]
            self.layers.append((torch.tensor(np.ascontiguousarray(weight)), torch.tensor(bias)))
            at += n * m + m
        self.ready = True

    @torch.inference_mode()
    def predict(self, payload, headers=None, response_headers=None):
        x = torch.from_numpy(payload.inputs[0].as_numpy().astype(np.float32))
        a = ((x - self.mean) / self.sd).expand(len(self.layers[0][0]), -1, -1)
        for layer, (weight, bias) in enumerate(self.layers):
            a = torch.baddbmm(bias, a, weight)
            a = torch.tanh(a) if layer + 1 < len(self.layers) else a
        p = torch.softmax(a, dim=2).double()
        mean = p.mean(dim=0)
        entropy_of = lambda p: torch.special.entr(p).sum(dim=-1)
        total, calibrated = entropy_of(mean), mean**self.power
        calibrated /= calibrated.sum(dim=1, keepdim=True)
        entropy = entropy_of(calibrated)
        bald = (total - entropy_of(p).mean(dim=0)).clamp(min=0) / total.clamp(min=1e-300) * entropy
        outputs = []
        for name, values in {"probabilities": calibrated, "entropy": entropy, "bald": bald}.items():
            output = InferOutput(name=name, shape=list(values.shape), datatype="FP64")
            output.set_data_from_numpy(values.numpy(), binary_data=False)
            outputs.append(output)
        return InferResponse(response_id=payload.id or "", model_name=self.name, infer_outputs=outputs)


if __name__ == "__main__":
    logging.disable(logging.INFO)
    path, port = sys.argv[1:]
    ModelServer(http_port=int(port), enable_grpc=False, access_log_format=None).start([Networks(path)])
