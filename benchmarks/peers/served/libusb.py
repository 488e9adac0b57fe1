"""Loads libusb, which tflite-support links against, from the package that brings it along.

It is found by its own name once it is loaded; where Debian's is installed, nothing of this is needed.
"""

import ctypes

import libusb_package

ctypes.CDLL(str(libusb_package.get_library_path()), mode=ctypes.RTLD_GLOBAL)
