"""The files of a sweep, each appearing whole: npz, netCDF, picture.

Main definitions: `written`.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

SLAB = 2**20  # values that are written at once


def written(found: Any, out: str, figure: Any, *, zarr: bool) -> list[str]:
    """The files, each appearing whole."""
    writers: dict[str, Callable[[Any], Any]] = {"npz": lambda path: _write_npz(path, found)}
    if not zarr:
        plain = found.assign_attrs({k: v if isinstance(v, str) else _small(v) for k, v in found.attrs.items()})
        writers["nc"] = lambda path: plain.to_netcdf(path, engine="scipy", format="NETCDF3_64BIT")
    if figure is not None:
        writers["png"] = lambda path: figure.savefig(path, dpi=160)
    files = [f"{out}.zarr"] if zarr else []
    for ending, write in writers.items():
        target = Path(f"{out}.{ending}")
        unfinished = target.with_name(f".unfinished-{target.name}")
        try:
            write(unfinished)
            os.replace(unfinished, target)
        finally:
            unfinished.unlink(missing_ok=True)
        files.append(str(target))
    return files


def _write_npz(path: Path, found: Any) -> None:
    """What `np.savez_compressed` writes, without ever holding more than a slab of rows in memory."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name in (*found.dims, *found.data_vars):
            array = found[name]
            head = {"descr": np.lib.format.dtype_to_descr(array.dtype), "fortran_order": False, "shape": array.shape}
            rows = max(1, SLAB // max(1, array.size // len(array)))
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array_header_1_0(file, head)
                for start in range(0, len(array), rows):
                    file.write(np.ascontiguousarray(array[start : start + rows].values).tobytes())


def _small(count: int) -> Any:
    """netCDF 3 knows whole numbers of 32 bits."""
    return np.int32(count) if count < 2**31 else str(count)
