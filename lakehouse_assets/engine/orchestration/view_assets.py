"""A view as a Dagster asset: downstream of its sources, holds no data; materializing it examines its answer."""

from typing import TYPE_CHECKING

from dagster import AssetExecutionContext, AssetsDefinition, MaterializeResult, MetadataValue, asset

from lakehouse_assets.engine.display import catalog, reading
from lakehouse_assets.engine.display.preview import shown
from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.orchestration.assets import column_schema
from lakehouse_assets.engine.orchestration.pipeline_log import failures_of
from lakehouse_assets.settings import load

if TYPE_CHECKING:
    from lakehouse_assets.engine.kinds.view import View


def view_asset(view: "View") -> AssetsDefinition:
    """The view's asset."""

    @asset(
        key=view.asset_key,
        deps=[each.table.asset_key for each in view.lives_on],
        group_name=view.domain,
        owners=[view.owner],
        description=catalog.described(view),
        kinds={"view", "sql"},
        code_version=view.code_version,
        hooks={failures_of(view.key)},
        metadata={
            "dagster/column_schema": column_schema(view.columns),
            "contract": MetadataValue.md(catalog.about(view)),
            "sql": MetadataValue.md(f"```sql\n{view.sql.strip()}\n```"),
        },
    )
    def examine(context: AssetExecutionContext) -> MaterializeResult:
        found = reading.examine(Lake(load()), view)
        context.log.info(f"{found.rows} rows; nothing was written")
        rows = found.preview.to_pylist()
        preview = {"preview": MetadataValue.md(shown(view, rows))} if rows else {}
        return MaterializeResult(metadata={"dagster/row_count": found.rows, **preview})

    return examine
