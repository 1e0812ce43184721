"""plan: count the pages of the document and split it into chunks."""

from __future__ import annotations

import logging
import time
from functools import partial

from .. import documents
from ..documents.job import DocumentJob
from ..errors import ExportFailed, NotFound
from ..exports.export import Export, State
from ..exports.plan import Plan
from ..exports.repository import listing_key
from ..services import Services
from .step import INTERRUPTIONS, Done, NotWanted, Outcome, Work

log = logging.getLogger(__name__)


def body(work: Work) -> Outcome:
    """Make and store the plan. The chunks are rendered next."""
    if work.advance(State.PLANNING, started_at=time.time()).state is not State.PLANNING:
        return NotWanted(f"the export is {work.export.state}")
    with work.attempt("The document's size", "plan"):
        made = make_plan(work.services, work.export)
    work.fence()
    plan = work.services.exports.write_plan(work.export.id, made)
    export = work.advance(
        State.RENDERING, records=plan.records, pages=plan.pages, chunks=len(plan.chunks), planned_at=time.time()
    )
    return (
        Done(export, plan.pages) if export.state is State.RENDERING else NotWanted(f"the export is {export.state}")
    )


def job_of(services: Services, export: Export) -> DocumentJob:
    """Returns the document of an export with its parameters and inputs."""
    document = documents.find(export.document)
    params = documents.decode(document, export.params)
    return DocumentJob(document, params, params.listing or listing_key(export.id), services.inputs.of(export.owner))


def make_plan(services: Services, export: Export) -> Plan:
    """Read the input once and plan it. A query, or a file of another format, is stored as lines first."""
    job = job_of(services, export).snapshot(partial(services.exports.snapshot, export.id))
    return job.plan(services.settings, export.chunk_pages, export.volume, INTERRUPTIONS)


def load_plan(services: Services, export: Export) -> Plan:
    """Returns the plan of an export. A lost plan is made again: the same input gives the same plan."""
    try:
        return services.exports.plan(export.id)
    except NotFound:
        log.warning("export %s: its plan is lost and is made again", export.id)
    made = make_plan(services, export)
    if (made.records, made.pages, len(made.chunks)) != (export.records, export.pages, export.chunks):
        advice = "Request the export again."
        raise ExportFailed("Its plan was lost, and a new one is different: the input changed.", advice=advice)
    return services.exports.write_plan(export.id, made)
