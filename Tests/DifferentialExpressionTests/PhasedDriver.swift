import ComputeThreads
import CountBlocks
import DifferentialExpression

/// Drives phased fits the way a worker does, with any split of the genes.
struct PhasedDriver {
    let geneCount: Int
    /// Genes of one tile.
    var tileGenes: Int
    /// Genes of one visit.
    var visitGenes: Int
    var threads = 1
    /// Whether tiles and visits come last first.
    var isReversed = false

    init(geneCount: Int) {
        self.geneCount = geneCount
        tileGenes = geneCount
        visitGenes = geneCount
    }

    /// Fits one group.
    func row<Analysis: PhasedAnalysis>(
        _ analysis: Analysis,
        group: Int,
        of screen: ScreenCounts
    ) throws -> PerturbationRow {
        let control = try Self.segments(of: screen.controlGroup, screen)
        let tiles = ranges(0..<geneCount, tileGenes).map { genes in
            (genes, analysis.makeTile(genes: genes, segments: control))
        }
        let fit = analysis.begin(
            perturbation: UInt32(group),
            segments: try Self.segments(of: group, screen)
        )
        let team = ThreadTeam(threadCount: threads)
        while true {
            switch fit.need {
            case .nothing:
                let visits = ranges(0..<geneCount, visitGenes)
                team.forEach(visits.count) { fit.visit(genes: visits[$0]) }
            case .geneTiles:
                for (genes, tile) in tiles {
                    let visits = ranges(genes, visitGenes)
                    team.forEach(visits.count) { fit.visit(genes: visits[$0], of: tile) }
                }
            case .cells:
                var first = 0
                for segment in control {
                    fit.visit(cells: segment, firstCell: first)
                    first += segment.cellCount
                }
            }
            if let row = fit.endPhase() { return row }
        }
    }

    private func ranges(_ genes: Range<Int>, _ size: Int) -> [Range<Int>] {
        let ranges = stride(from: genes.lowerBound, to: genes.upperBound, by: size).map {
            $0..<min($0 + size, genes.upperBound)
        }
        return isReversed ? ranges.reversed() : ranges
    }

    /// The cells of one group.
    static func segments(of group: Int, _ screen: ScreenCounts) throws -> [DecodedSegment] {
        var buffer: [UInt8] = []
        return try (0..<screen.blocks.segmentCount(group)).map { index in
            var segment = DecodedSegment()
            try screen.blocks.decodeSegment(
                group: group,
                index: index,
                into: &segment,
                buffer: &buffer
            )
            return segment
        }
    }
}
