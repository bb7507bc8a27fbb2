"""Makes texts-{snappy,zstd,gzip}.parquet: four rows, one of them null, in two row groups.

    python -m venv venv && venv/bin/pip install pyarrow==VERSION   # the one that wrote the files is named in them
    venv/bin/python make_parquet.py
"""

from pathlib import Path

import pyarrow
import pyarrow.parquet

here = Path(__file__).parent
table = pyarrow.table({"id": [1, 2, 3, 4], "text": ["組木は釘を使わない。", None, "the second row", "a" * 3000]})
for compression in ("snappy", "zstd", "gzip"):
    pyarrow.parquet.write_table(table, here / f"texts-{compression}.parquet", compression=compression, row_group_size=2)
