"""The run file: one YAML document, its models and its reader."""

from dualchecker.config.bench import BenchConfig, BenchData, PerLabel, build_bench, load_bench
from dualchecker.config.file import build_config, load_config, parse_setting
from dualchecker.config.models import (
    AlignConfig,
    CheckConfig,
    Columns,
    DataConfig,
    EvolveConfig,
    LimitsConfig,
    MethodName,
    PanelConfig,
    PrecisionThreshold,
    ReasoningConfig,
    ReportConfig,
    RunConfig,
    SamplingConfig,
)
from dualchecker.config.rungs import RUNGS, RungName
from dualchecker.config.student import StudentConfig
from dualchecker.config.task import AnswerKind, Form, Occurrence, TaskConfig
from dualchecker.config.teacher import EndpointConfig, FlawsConfig, SeniorConfig, TeacherConfig

__all__ = [
    "RUNGS",
    "AlignConfig",
    "AnswerKind",
    "BenchConfig",
    "BenchData",
    "CheckConfig",
    "Columns",
    "DataConfig",
    "EndpointConfig",
    "EvolveConfig",
    "FlawsConfig",
    "Form",
    "LimitsConfig",
    "MethodName",
    "Occurrence",
    "PanelConfig",
    "PerLabel",
    "PrecisionThreshold",
    "ReasoningConfig",
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
