import Statistics

/// The counts of one gene in both groups.
struct GenePair {
    let control: MeasuredGene
    let own: MeasuredGene
    let tile: CachedAnalysis.Tile
    let group: GroupCells

    func sums(floor: MeanFloor) -> CachedEffectFit.SumsAt {
        { [self] controlPredictor, groupPredictor, dispersion in
            CachedEffectFit.Sums(
                control: WorkingSums(
                    predictor: controlPredictor,
                    dispersion: dispersion,
                    floor: floor,
                    group: tile.control.offsets,
                    nodes: tile.control.nodes,
                    gene: control
                ),
                group: WorkingSums(
                    predictor: groupPredictor,
                    dispersion: dispersion,
                    floor: floor,
                    group: group.offsets,
                    nodes: group.nodes,
                    gene: own
                )
            )
        }
    }
}
