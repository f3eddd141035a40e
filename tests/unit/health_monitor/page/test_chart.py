"""The bar chart of the actions per hour."""

from __future__ import annotations

import pytest

from health_monitor.page.chart import HEIGHT, chart


def test_the_height_of_a_bar_follows_its_count_and_an_hour_without_actions_has_a_bar_too():
    drawn = chart([0, 1, 20, 10])
    heights = [bar.height for bar in drawn.bars]
    assert heights[2] == HEIGHT > heights[3] > heights[1] > heights[0] > 0
    assert [bar.y + bar.height for bar in drawn.bars] == pytest.approx([HEIGHT] * 4, abs=0.02)
    assert [bar.text for bar in drawn.bars] == [
        "3 to 4 hours ago: 0 actions",
        "2 to 3 hours ago: 1 action",
        "1 to 2 hours ago: 20 actions",
        "in the last hour: 10 actions",
    ]
    assert drawn.text == "31 actions in the last 4 hours; most, 20, 1 to 2 hours ago"
    assert chart([0] * 24).text == "0 actions in the last 24 hours"
