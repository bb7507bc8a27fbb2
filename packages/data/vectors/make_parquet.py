"""Makes texts-CODEC.parquet with each compressor that Arrow writes, and texts-pages-v2.parquet (data pages of version 2, no dictionary, and columns that are lists and
structures beside the texts): four rows, one of them null, in two row groups.

    python -m venv venv && venv/bin/pip install pyarrow==26.0.1
    venv/bin/python make_parquet.py
"""

from pathlib import Path

import pyarrow
import pyarrow.parquet

here = Path(__file__).parent
texts = ["組木は釘を使わない。", None, "the second row", "a" * 3000]
table = pyarrow.table({"id": [1, 2, 3, 4], "text": texts})
# lz4 is LZ4_RAW: Arrow writes no other since 4.0.
for compression in ("snappy", "zstd", "gzip", "brotli", "lz4"):
    pyarrow.parquet.write_table(table, here / f"texts-{compression}.parquet", compression=compression, row_group_size=2)
nested = table.add_column(1, "tags", [[["a"], [], ["b", "c"], None]]).append_column("meta", [[{"url": str(i)} for i in range(4)]])
pyarrow.parquet.write_table(
    nested,
    here / "texts-pages-v2.parquet",
    compression="zstd",
    row_group_size=2,
    data_page_version="2.0",
    use_dictionary=False,
    store_schema=False,
)
