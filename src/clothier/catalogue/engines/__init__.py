"""Where photos are read and the model runs: in this process, or on the workers of a Ray cluster."""

from clothier.catalogue.engines.local import LocalEngine
from clothier.catalogue.engines.ray_engine import RayEngine, WorkerPlan, require_ray
from clothier.catalogue.engines.reading import Engine, Reading

__all__ = ["Engine", "LocalEngine", "RayEngine", "Reading", "WorkerPlan", "require_ray"]
