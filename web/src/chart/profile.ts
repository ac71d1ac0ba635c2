/** Volume by price, drawn along the right side of the price pane. */

import type { ISeriesApi, ISeriesPrimitive, IPrimitivePaneView, SeriesAttachedParameter, Time } from "lightweight-charts";
import type { Bin } from "./indicators";
import { valueArea } from "./indicators";

const SHARE = 0.22;

export class Profile implements ISeriesPrimitive<Time> {
  private bins: Bin[] = [];
  private at: SeriesAttachedParameter<Time> | undefined;
  private readonly view: IPrimitivePaneView;

  constructor(private readonly colours: () => { up: string; down: string; line: string; dim: string }) {
    this.view = { zOrder: () => "bottom", renderer: () => ({ draw: (target) => target.useMediaCoordinateSpace((scope) => this.draw(scope.context, scope.mediaSize.width)) }) };
  }

  attached(at: SeriesAttachedParameter<Time>): void {
    this.at = at;
  }

  detached(): void {
    this.at = undefined;
  }

  set(bins: Bin[]): void {
    this.bins = bins;
    this.at?.requestUpdate();
  }

  paneViews(): readonly IPrimitivePaneView[] {
    return [this.view];
  }

  private draw(context: CanvasRenderingContext2D, width: number): void {
    const series = this.at?.series as ISeriesApi<"Candlestick"> | undefined;
    const most = Math.max(0, ...this.bins.map((bin) => bin.volume));
    if (!series || most <= 0) return;
    const { up, down, line, dim } = this.colours();
    const [first, last, peak] = valueArea(this.bins);
    this.bins.forEach((bin, i) => {
      const top = series.priceToCoordinate(bin.high);
      const bottom = series.priceToCoordinate(bin.low);
      if (top === null || bottom === null) return;
      const whole = (bin.volume / most) * width * SHARE;
      const bought = bin.volume > 0 ? whole * (bin.bought / bin.volume) : 0;
      const sold = bin.volume > 0 ? whole * (bin.sold / bin.volume) : 0;
      const height = Math.max(bottom - top - 1, 1);
      context.globalAlpha = i >= first && i <= last ? 0.34 : 0.16;
      context.fillStyle = up;
      context.fillRect(width - whole, top, bought, height);
      context.fillStyle = down;
      context.fillRect(width - whole + bought, top, sold, height);
      context.fillStyle = dim;
      context.fillRect(width - whole + bought + sold, top, whole - bought - sold, height);
      if (i === peak) {
        context.globalAlpha = 0.8;
        context.fillStyle = line;
        context.fillRect(width - whole, (top + bottom) / 2, whole, 1);
      }
    });
    context.globalAlpha = 1;
  }
}
