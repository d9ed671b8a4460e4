"""
Draws what ``benchmarks.stations --json`` has measured: for each recording a bar of its stations, in floors.

It needs matplotlib, which nothing else here does.
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

#: Recording -> what it is called in the picture.
WORDS = {"healthy-cr.p1": "call of two", "mesh-cr.p1": "call of four, no server", "sfu": "call of six, by a server"}
#: Stations under this share of the longest bar have no words in it.
LEAST = 0.03


def draw(figures: Mapping[str, Mapping[str, float]], path: Path) -> None:
    """A bar for each recording; the dashed line is the floor."""
    from matplotlib import pyplot

    pyplot.rcParams |= {"svg.hashsalt": "stations", "font.size": 8}
    figure, axes = pyplot.subplots(figsize=(10, 1.2 + len(figures)), layout="constrained")
    longest = max(sum(row.values()) for row in figures.values())
    shades = pyplot.get_cmap("tab20").colors  # type: ignore[attr-defined]
    for place, (name, row) in enumerate(figures.items()):
        left = 0.0
        for shade, (station, floors) in zip(shades, row.items(), strict=False):
            label = station.partition(":")[0].partition(",")[0]
            axes.barh(place, floors, left=left, color=shade, label=label if not place else None)
            if floors > LEAST * longest:
                axes.text(left + floors / 2, place, f"{floors:.2f}", ha="center", va="center")
            left += floors
        axes.text(left, place, f" {left:.2f}  {WORDS.get(name, name)}", va="center")
    axes.axvline(1.0, linestyle="--", color="black", linewidth=1)
    axes.set_xlim(0, longest * 1.25)
    axes.set_yticks([])
    axes.invert_yaxis()
    axes.set_xlabel("processor time of a report; 1 is the bare floor, which receives and parses the same frame")
    figure.legend(loc="outside lower center", ncols=8, frameon=False)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description="Draw what benchmarks.stations has measured.")
    parser.add_argument("figures", type=Path, help="what --json has written")
    parser.add_argument("picture", type=Path, help="an .svg or .png")
    args = parser.parse_args()
    draw(json.loads(args.figures.read_text()), args.picture)


if __name__ == "__main__":
    main()
