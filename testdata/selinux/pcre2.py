#!/usr/bin/env python3
"""pcre2.py: what PCRE2 (libpcre2-8) says of patterns and paths on standard input.

Lines are "pattern PATTERN" and "path PATH", in hexadecimal, paths before patterns. For
each pattern, a line with 1 or 0 for each path: whether ^(PATTERN)l$ matches the path with
an l behind, as composefs-rs asks it for symlinks; or the number of PCRE2's error.
"""
import ctypes, sys

lib = ctypes.CDLL("libpcre2-8.so.0")
p, z, u = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint32
lib.pcre2_compile_8.restype = lib.pcre2_match_data_create_8.restype = p
lib.pcre2_compile_8.argtypes = [ctypes.c_char_p, z, u, p, p, p]
lib.pcre2_match_8.argtypes = [p, ctypes.c_char_p, z, z, u, p, p]
lib.pcre2_code_free_8.argtypes = [p]
data = lib.pcre2_match_data_create_8(20, None)
paths = []
for line in sys.stdin:
    kind, value = line.split()
    value = bytes.fromhex(value)
    if kind == "path":
        paths.append(value + b"l")
        continue
    text, error, offset = b"^(" + value + b")l$", ctypes.c_int(), z()
    code = lib.pcre2_compile_8(text, len(text), 0, ctypes.byref(error), ctypes.byref(offset), None)
    if not code:
        print("error", error.value)
        continue
    print("".join("1" if lib.pcre2_match_8(code, t, len(t), 0, 0, data, None) >= 0 else "0" for t in paths))
    lib.pcre2_code_free_8(code)
