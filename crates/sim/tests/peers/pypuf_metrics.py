"""Answers the questions of tests/pypuf.rs with pypuf (https://pypi.org/project/pypuf/), an independent simulation of PUFs.

    pypuf_metrics.py QUESTIONS > ANSWERS

QUESTIONS has one block for each chip, in lines of words:

    chip CHAINS STAGES NOISE        NOISE: standard deviation of one race's noise, absolute
    weights W0 .. Wn                one line for each chain, the last weight is the bias
    challenges HEX ..               bit i, least significant of the first byte first, is stage i
    end

ANSWERS has one line for each chip: `NAME VALUE` pairs, then `bits`, the noiseless responses as 0 and 1.
"""

import sys

import numpy as np
from pypuf.metrics import bias_data, reliability_data, similarity_data, uniqueness_data
from pypuf.simulation import XORArbiterPUF
from pypuf.simulation.base import NoisyLTFArray

READINGS = 15


def chips(lines):
    chip = None
    for line in lines:
        word, *rest = line.split()
        if word == "chip":
            chip = {"stages": int(rest[1]), "noise": float(rest[2]), "weights": []}
        elif word == "weights":
            chip["weights"].append([float(w) for w in rest])
        elif word == "challenges":
            raw = np.array([list(bytes.fromhex(h)) for h in rest], dtype=np.uint8)
            bits = np.unpackbits(raw, axis=1, bitorder="little")[:, : chip["stages"]]
            chip["challenges"] = 1 - 2 * bits.astype(np.int8)
        elif word == "end":
            yield chip


def simulation(chip, noise, seed):
    weights = np.array(chip["weights"])
    return NoisyLTFArray(weight_array=weights[:, :-1], bias=weights[:, -1:], transform=XORArbiterPUF.transform_atf,
                         combiner="xor", sigma_noise=noise, seed=seed)


def main():
    previous = None
    for number, chip in enumerate(chips(open(sys.argv[1]))):
        ideal = simulation(chip, 0.0, 1).eval(chip["challenges"]).reshape(-1, 1)
        readings = simulation(chip, chip["noise"], 1000 + number).r_eval(READINGS, chip["challenges"])
        answer = {
            "bias": float(bias_data(ideal)[0]),
            "error": float(1 - np.average(readings == ideal[:, :, np.newaxis])),
            "reliability": float(np.average(reliability_data(readings))),
        }
        if previous is not None and previous.shape == ideal.shape:
            answer["similarity"] = float(similarity_data(previous, ideal)[0])
            answer["uniqueness"] = float(uniqueness_data(np.array([previous, ideal]))[0])
        previous = ideal
        # A chain's sign is +1 for a positive delay difference; the product of the signs over k chains is -1 to the
        # number of negative ones. A bit here is the parity of the positive ones.
        negative = (ideal[:, 0] < 0).astype(int)
        positive = (len(chip["weights"]) - negative) % 2
        words = [f"{name} {value!r}" for name, value in answer.items()]
        print(*words, "bits", "".join(map(str, positive)))


main()
