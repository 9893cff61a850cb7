import Statistics

/// What a simulated screen was drawn from: the answers that an analysis should find.
package struct ScreenTruth: Sendable {
    /// One change of one gene by one perturbation.
    package struct Effect: Equatable, Sendable {
        /// Position of the gene.
        package let gene: Int
        /// Log2 of its mean with the perturbation over its mean without.
        package let log2FoldChange: Double
    }

    /// The design.
    package let design: ScreenDesign
    /// Names of the genes.
    package let geneNames: [String]
    /// Expected count of each gene in a control cell of size factor 1, batches left aside.
    package let means: [Double]
    /// Dispersion α of each gene; variance = mean + α mean².
    package let dispersions: [Double]
    /// Natural logarithm of each gene's factor in each batch, genes x batches; 0 for one batch.
    package let batchEffects: [Double]
    /// The gene that each perturbation knocks down.
    package let targets: [Int]
    /// What each perturbation changes, by ascending gene; its target is among it.
    package let effects: [[Effect]]
    /// Group of each cell: 0 is the control, k + 1 the perturbation k.
    package let groups: [Int32]
    /// Batch of each cell.
    package let batches: [Int32]
    /// Size factor of each cell; their expectation is 1.
    package let sizeFactors: [Double]

    /// Names of the groups: the control, then each perturbation's target gene.
    package var groupNames: [String] {
        [ScreenDesign.controlLabel] + targets.map { geneNames[$0] }
    }

    /// Number of cells.
    package var cellCount: Int { groups.count }

    /// Draws everything except the counts.
    ///
    /// The targets are chosen among the genes with a mean above 1, so that a knock-down can be seen;
    /// when there are fewer of these than perturbations, the genes of the highest means are taken.
    package init(_ design: ScreenDesign) {
        precondition(design.problem == nil, "a design that cannot be drawn")
        self.design = design
        let width = String(design.genes - 1).count
        geneNames = (0..<design.genes).map { Self.name("GENE", $0, width: width) }
        means = Self.drawMeans(design)
        dispersions = Self.drawDispersions(design, means)
        batchEffects = Self.drawBatchEffects(design)
        targets = Self.drawTargets(design, means)
        effects = Self.drawEffects(design, targets)
        groups = Self.drawGroups(design)
        var stream = RandomStream(seed: design.seed, purpose: Purpose.cells.rawValue)
        var batches: [Int32] = []
        var sizeFactors: [Double] = []
        batches.reserveCapacity(groups.count)
        sizeFactors.reserveCapacity(groups.count)
        for _ in groups {
            batches.append(Int32(stream.below(design.batches)))
            sizeFactors.append(stream.logNormal(deviation: design.sizeFactorLogDeviation))
        }
        self.batches = batches
        self.sizeFactors = sizeFactors
    }

    /// What the streams of random numbers are for; each draws from numbers of its own, so that more
    /// batches, for example, leave the genes as they are.
    enum Purpose: UInt64 {
        case means = 1
        case dispersions
        case batches
        case targets
        case effects
        case groups
        case cells
        case counts
    }

    static func name(_ prefix: String, _ number: Int, width: Int) -> String {
        let digits = String(number)
        return prefix + String(repeating: "0", count: max(0, width - digits.count)) + digits
    }

    private static func drawMeans(_ design: ScreenDesign) -> [Double] {
        var stream = RandomStream(seed: design.seed, purpose: Purpose.means.rawValue)
        let shares = (0..<design.genes).map { _ in
            RealFunctions.exp(design.geneMeanLogDeviation * stream.normal())
        }
        let scale = design.depth / shares.reduce(0, +)
        return shares.map { $0 * scale }
    }

    private static func drawDispersions(_ design: ScreenDesign, _ means: [Double]) -> [Double] {
        var stream = RandomStream(seed: design.seed, purpose: Purpose.dispersions.rawValue)
        return means.map { mean in
            let trend = design.dispersionFloor + design.dispersionSlope / mean
            return trend * RealFunctions.exp(design.dispersionLogDeviation * stream.normal())
        }
    }

    private static func drawBatchEffects(_ design: ScreenDesign) -> [Double] {
        let count = design.genes * design.batches
        guard design.batches > 1 else { return [Double](repeating: 0, count: count) }
        var stream = RandomStream(seed: design.seed, purpose: Purpose.batches.rawValue)
        return (0..<count).map { _ in design.batchLogDeviation * stream.normal() }
    }

    private static func drawTargets(_ design: ScreenDesign, _ means: [Double]) -> [Int] {
        var candidates = means.indices.filter { means[$0] > 1 }
        if candidates.count < design.perturbations {
            let ranked = means.indices.sorted { (means[$1], $0) < (means[$0], $1) }
            candidates = Array(ranked.prefix(design.perturbations))
        }
        var stream = RandomStream(seed: design.seed, purpose: Purpose.targets.rawValue)
        stream.shuffle(&candidates)
        return candidates.prefix(design.perturbations).sorted()
    }

    private static func drawEffects(_ design: ScreenDesign, _ targets: [Int]) -> [[Effect]] {
        var stream = RandomStream(seed: design.seed, purpose: Purpose.effects.rawValue)
        return targets.map { target in
            var taken: Set<Int> = [target]
            var effects = [Effect(gene: target, log2FoldChange: design.knockdown)]
            while effects.count <= design.effects {
                let gene = stream.below(design.genes)
                guard taken.insert(gene).inserted else { continue }
                let change = design.effectDeviation * stream.normal()
                effects.append(Effect(gene: gene, log2FoldChange: change))
            }
            return effects.sorted { $0.gene < $1.gene }
        }
    }

    private static func drawGroups(_ design: ScreenDesign) -> [Int32] {
        var stream = RandomStream(seed: design.seed, purpose: Purpose.groups.rawValue)
        var groups = [Int32](repeating: 0, count: design.controlCellCount)
        for perturbation in 0..<design.perturbations {
            let factor = stream.logNormal(deviation: design.cellsLogDeviation)
            let cells = max(1, Int((design.cellsPerPerturbation * factor).rounded()))
            groups += [Int32](repeating: Int32(perturbation + 1), count: cells)
        }
        if design.isShuffled { stream.shuffle(&groups) }
        return groups
    }
}

extension RandomStream {
    /// A log-normal number of mean 1 whose natural logarithm has the given standard deviation.
    mutating func logNormal(deviation: Double) -> Double {
        guard deviation > 0 else { return 1 }
        return RealFunctions.exp(deviation * normal() - 0.5 * deviation * deviation)
    }
}
