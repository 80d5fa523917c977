"""The run file: one YAML document, its models and its reader."""

from dualchecker.config.bench import BenchConfig, BenchData, PerLabel, build_bench, load_bench
from dualchecker.config.file import build_config, load_config, parse_setting
from dualchecker.config.models import (
    RUNGS,
    AlignConfig,
    CheckConfig,
    Columns,
    DataConfig,
    EvolveConfig,
    LimitsConfig,
    MethodName,
    PanelConfig,
    PrecisionThreshold,
    ReportConfig,
    RunConfig,
    RungName,
    SamplingConfig,
    SeniorConfig,
    StudentConfig,
    TeacherConfig,
)
from dualchecker.config.task import Occurrence, TaskConfig

__all__ = [
    "RUNGS",
    "AlignConfig",
    "BenchConfig",
    "BenchData",
    "CheckConfig",
    "Columns",
    "DataConfig",
    "EvolveConfig",
    "LimitsConfig",
    "MethodName",
    "Occurrence",
    "PanelConfig",
    "PerLabel",
    "PrecisionThreshold",
    "ReportConfig",
    "RunConfig",
    "RungName",
    "SamplingConfig",
    "SeniorConfig",
    "StudentConfig",
    "TaskConfig",
    "TeacherConfig",
    "build_bench",
    "build_config",
    "load_bench",
    "load_config",
    "parse_setting",
]
