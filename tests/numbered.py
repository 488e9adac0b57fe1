"""Pictures that say their number, so that a test can tell which arrived, whatever JPEG did to them."""

import cv2
import numpy as np

WIDTH, HEIGHT, BITS = 320, 240, 10


def picture(number):
    """Return the picture of a number below 1024: ten bars, black or white, above a field of its own colour."""
    image = np.full((HEIGHT, WIDTH, 3), (number * 37 % 256, 90, 160), np.uint8)
    for bit in range(BITS):
        image[: HEIGHT // 2, bit * 32 : bit * 32 + 32] = 255 if number >> bit & 1 else 0
    return image


def jpeg(number):
    return cv2.imencode(".jpg", picture(number), [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()


def number(image):
    bars = image[: HEIGHT // 2].reshape(HEIGHT // 2, BITS, 32, 3)[:, :, 8:24].mean((0, 2, 3))
    return sum(1 << bit for bit, light in enumerate(bars) if light > 127)
