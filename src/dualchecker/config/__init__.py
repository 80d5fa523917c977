"""The run file: one YAML document, its models and its reader."""

from dualchecker.config.file import build_config, load_config, parse_setting
from dualchecker.config.models import (
    RUNGS,
    AlignConfig,
    CheckConfig,
    Columns,
    DataConfig,
    LimitsConfig,
    PanelConfig,
    PrecisionThreshold,
    ReportConfig,
    RunConfig,
    RungName,
    SeniorConfig,
    StudentConfig,
    TaskConfig,
    TeacherConfig,
)

__all__ = [
    "RUNGS",
    "AlignConfig",
    "CheckConfig",
    "Columns",
    "DataConfig",
    "LimitsConfig",
    "PanelConfig",
    "PrecisionThreshold",
    "ReportConfig",
    "RunConfig",
    "RungName",
    "SeniorConfig",
    "StudentConfig",
    "TaskConfig",
    "TeacherConfig",
    "build_config",
    "load_config",
    "parse_setting",
]
