"""Which headers Python's safetensors takes: `python make-safetensors-headers.py > safetensors-headers.json`.

Made with safetensors 0.8.0. Each case is [header, bytes of data, whether it is taken]. Equal keys are left out: safetensors takes the last of
two tensors of one name, the format's own text forbids them, and this project refuses them.
"""
import json
import struct

from safetensors import deserialize


def taken(header: str, size: int) -> bool:
    text = header.encode("utf-8")
    try:
        deserialize(struct.pack("<Q", len(text)) + text + b"\0" * size)
        return True
    except Exception:
        return False


def entry(dtype='"F32"', shape="[1]", offsets="[0,4]", extra=""):
    return '{"a":{"dtype":%s,"shape":%s,"data_offsets":%s%s}}' % (dtype, shape, offsets, extra)


def empty(shape):
    return (entry(shape=shape, offsets="[0,0]"), 0)


plain = entry()
inner = plain[1:-1]
cases = [(plain, 4), (plain, 3), (plain, 5)]
# numbers
for shape in ["[1.0]", "[1e0]", "[1E0]", "[01]", "[+1]", "[-1]", "[ 1 ]", "[]", "[1,1]", "[0]", "[true]", '["1"]', "[null]", "null", "{}", "1", "[[1]]", "[1,]"]:
    cases.append((entry(shape=shape), 4))
for offsets in ["[0,4.0]", "[0.0,4]", "[-0,4]", "[0,4,4]", "[0]", "[4,0]", "{}", "null", "[0,18446744073709551616]", "[0,18446744073709551615]"]:
    cases.append((entry(offsets=offsets), 4))
for shape in ["[-0]", "[0]", "[4294967296,4294967296,0]", "[0,4294967296,4294967296]", "[4294967296,0,4294967296,4294967296]",
              "[3037000500,3037000500,2,2,0]", "[18446744073709551616,0]", "[1e400,0]", "[4503599627370496,0]", "[4503599627370496,4096,0]",
              "[4503599627370496,4095,0]"]:
    cases.append(empty(shape))
# strings
for name in ["\\ud800", "\\udc00", "\\ud83d\\ude00", "\\ud83d", "\\ude00\\ud83d", "\\u0000", "\\/", "\\x", "\\u12", "\x7f", "\n", "\u2028", "é", ""]:
    cases.append(('{"%s":%s' % (name, plain.split(":", 1)[1]), 4))
    cases.append(('{"__metadata__":{"k":"%s"},%s}' % (name, inner), 4))
    cases.append(('{"__metadata__":{"%s":"v"},%s}' % (name, inner), 4))
    cases.append((entry(extra=',"x":"%s"' % name), 4))
    cases.append((entry(extra=',"x%s":1' % name), 4))
    cases.append((entry(extra=',"x":[{"y%s":1}]' % name), 4))
# metadata
for metadata in ["null", "{}", "[]", '""', "1", '{"k":null}', '{"k":1}', '{"k":{}}', '{"k":"v","l":"w"}']:
    cases.append(('{"__metadata__":%s,%s}' % (metadata, inner), 4))
cases.append(('{"__meta\\u0064ata__":{"k":"v"},%s}' % inner, 4))
cases.append(('{"__metadata__":{"k":"v"}}', 0))
# white space and ends
for before, after in [(" ", ""), ("\n\t\r ", ""), ("", " \n\t\r"), ("", "\0"), ("\ufeff", ""), ("\u00a0", ""), ("", "\u00a0"), ("", "}"), ("", "{}"), ("\x0b", ""), ("", "\x0c")]:
    cases.append((before + plain + after, 4))
cases += [("", 0), ("{}", 0), ("{}", 4), ("[]", 0), ("null", 0), ('{"a"', 4), ("{", 0), (plain.replace('":', '" \n:\t '), 4)]
# entries
cases += [('{"a":["F32",[1],[0,4]]}', 4), ('{"a":["F32",[1],[0,4],1]}', 4), ('{"a":["F32",[1]]}', 4), ('{"a":null}', 0), ('{"a":{}}', 0), ('{"a":1}', 0),
          ('{"a":{"dtype":"F32","data_offsets":[0,4]}}', 4), (entry(dtype='{"F32":null}'), 4), (entry(dtype='{"F32":1}'), 4), (entry(dtype='{}'), 4),
          (entry(dtype='["F32"]'), 4), (entry(dtype='"f32"'), 4), (entry(dtype='{"F32":null,"U8":null}'), 4), (entry(dtype="null"), 4)]
for extra in ["1.5e3", "1.", ".5", "1.e3", "1e999", "-1e999", "1e-999", "9" * 400, "9" * 300, "NaN", "Infinity", "tru", "true", "null", "-", "-1", "0x1", "[1,]", '{"y":1,}', "1e+5", "1e", "00", "-0", "-00"]:
    cases.append((entry(extra=',"x":%s' % extra), 4))
for depth in [100, 123, 124, 125, 126, 127, 128, 200]:
    cases.append((entry(extra=',"x":' + "[" * depth + "]" * depth), 4))
    cases.append((entry(extra=',"x":' + '{"y":' * depth + "1" + "}" * depth), 4))
# dtypes: bits of 16 elements
for dtype in ["BOOL", "F4", "F6_E2M3", "F6_E3M2", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "I16", "U16", "F16", "BF16", "I32",
              "U32", "F32", "C64", "F64", "I64", "U64", "F6", "F8_E4M3FN", "C128", "I4", "U4", "F128", "bool", "F8"]:
    for bits in [4, 6, 8, 16, 32, 64]:
        cases.append((entry(dtype='"%s"' % dtype, shape="[16]", offsets="[0,%d]" % (bits * 2)), bits * 2))
for dtype, count, size in [("F4", 3, 1), ("F4", 3, 2), ("F4", 2, 1), ("F4", 0, 0), ("F6_E3M2", 4, 3), ("F6_E3M2", 2, 2), ("F6_E2M3", 8, 6)]:
    cases.append((entry(dtype='"%s"' % dtype, shape="[%d]" % count, offsets="[0,%d]" % size), size))

print(json.dumps([[header, size, taken(header, size)] for header, size in cases], separators=(",", ":")))
