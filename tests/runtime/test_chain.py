"""One model after the other: what the second is shown, and where its answers lie in the picture."""

import numpy as np
import pytest
import small_models

import lepton_edge as le
from lepton_edge_runtime.errors import InputError
from lepton_edge_runtime.heads import YoloEndToEnd
from lepton_edge_runtime.results import Chained, Classes, Detections, Instances, Mask, Poses
from lepton_edge_runtime.results.moving import moved
from detectors import ORIGIN
