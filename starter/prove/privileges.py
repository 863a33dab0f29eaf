"""Giving up what root may: a process that permissions of files are to stop, as they stop everybody else."""

import ctypes
import os

_VERSION_3 = 0x20080522
_PASSING = (1, 2, 3)  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def obey_permissions() -> None:
    """Let this process be refused what its user may not do; nothing to do where it is not root. Linux only."""
    if os.geteuid() != 0:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header, sets = _Header(_VERSION_3, 0), (_Sets * 2)()
    if libc.capget(ctypes.byref(header), sets) != 0:
        raise OSError(ctypes.get_errno(), "the privileges of this process cannot be read")
    for number in _PASSING:
        keep = ~(1 << number) & 0xFFFFFFFF
        sets[0].effective &= keep
        sets[0].permitted &= keep
        sets[0].inheritable &= keep
    if libc.capset(ctypes.byref(header), sets) != 0:
        raise OSError(ctypes.get_errno(), "privileges of this process cannot be given up")
