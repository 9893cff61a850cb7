import Foundation
import Statistics
import Testing

/// The small screen of `Fixtures/shrinkage`.
struct ShrinkageFixture {
    let sizeFactors: [Double]
    /// 1 for cells of the perturbation.
    let indicator: [Double]
    /// Three covariates of each cell.
    let covariates: [[Double]]
    /// Counts by gene and cell.
    let counts: [[UInt32]]

    init() throws {
        let url = Bundle.module.bundleURL.appendingPathComponent("Fixtures/shrinkage")
        let cells = try Self.lines(url.appendingPathComponent("cells.tsv")).dropFirst().map {
            $0.split(separator: "\t").compactMap { Double($0) }
        }
        sizeFactors = cells.map { $0[0] }
        indicator = cells.map { $0[1] }
        covariates = cells.map { Array($0[2...]) }
        counts = try Self.lines(url.appendingPathComponent("counts.tsv")).map {
            $0.split(separator: " ").compactMap { UInt32($0) }
        }
        try #require(counts.allSatisfy { $0.count == cells.count })
    }

    private static func lines(_ url: URL) throws -> [Substring] {
        try String(contentsOf: url, encoding: .utf8).split(separator: "\n")
    }

    /// Cells of one group, in file order.
    func cells(perturbed: Bool) -> [Int] {
        indicator.indices.filter { (indicator[$0] == 1) == perturbed }
    }

    /// One group's nodes and the counts of all genes there.
    func group(
        perturbed: Bool
    ) -> (part: TwoGroupShrinkage.GroupPart, counts: MeasuredCounts) {
        let cells = cells(perturbed: perturbed)
        let offsets = GroupOffsets(sizeFactors: cells.map { sizeFactors[$0] })
        let nodes = SizeFactorNodes(group: offsets)
        var cellAtPosition = [Int](repeating: 0, count: cells.count)
        for (index, position) in offsets.position.enumerated() {
            cellAtPosition[Int(position)] = cells[index]
        }
        let counts = MeasuredCounts(
            genes: 0..<self.counts.count,
            detections: self.counts.map { gene in cells.count { gene[$0] > 0 } },
            group: offsets,
            nodes: nodes
        ) { visit in
            for (position, cell) in cellAtPosition.enumerated() {
                for gene in self.counts.indices where self.counts[gene][cell] > 0 {
                    visit(gene, UInt32(position), self.counts[gene][cell])
                }
            }
        }
        return (TwoGroupShrinkage.GroupPart(offsets: offsets, nodes: nodes), counts)
    }

    /// A gene's nonzero counts over all cells, as two parts cut anywhere.
    func withParts<Result>(
        gene: Int,
        _ body: ([(firstCell: Int, counts: GeneCounts)]) -> Result
    ) -> Result {
        let cut = 60
        let cells = counts[gene].indices.filter { counts[gene][$0] > 0 }
        let places = cells.map { UInt32($0 < cut ? $0 : $0 - cut) }
        let values = cells.map { counts[gene][$0] }
        let first = cells.count { $0 < cut }
        return places.withUnsafeBufferPointer { places in
            values.withUnsafeBufferPointer { values in
                func part(_ range: Range<Int>) -> GeneCounts {
                    GeneCounts(
                        positions: UnsafeBufferPointer(rebasing: places[range]),
                        counts: UnsafeBufferPointer(rebasing: values[range])
                    )
                }
                return body([(0, part(0..<first)), (cut, part(first..<cells.count))])
            }
        }
    }

    /// J of the two groups at an effect, cell by cell, least over the intercept.
    func profile(
        gene: Int,
        effect: Double,
        dispersion: Double,
        scale: Double,
        divided: Bool = true
    ) -> Double {
        let size = 1 / dispersion
        let total = counts[gene].reduce(0.0) { $0 + Double($1) }
        let divisor = divided ? max(1, total / 1e6) : 1
        func objective(_ intercept: Double) -> Double {
            var sum = 0.0
            for cell in sizeFactors.indices {
                let eta = intercept + effect * indicator[cell] + log(sizeFactors[cell])
                let y = Double(counts[gene][cell])
                sum += -y * eta + (y + size) * log(exp(eta) + size)
            }
            return sum / divisor + intercept * intercept / 450
                + log1p(effect * effect / (scale * scale))
        }
        // J is convex in the intercept.
        var (low, high) = (-30.0, 30.0)
        for _ in 0..<80 {
            let (left, right) = (low + (high - low) * 0.382, low + (high - low) * 0.618)
            if objective(left) < objective(right) { high = right } else { low = left }
        }
        return objective((low + high) / 2)
    }
}

/// One case of `two_groups.tsv` or `design.tsv`.
struct PosteriorCase: CustomStringConvertible {
    let gene: Int
    let floor: Double
    let scale: Double
    let fit: EarlierFit
    let expected: ShrunkenEffect
    let isConverged: Bool

    static func all(_ file: String, columns: Int) throws -> [PosteriorCase] {
        try hexTable("shrinkage/\(file)", columns: columns + 7).map { name, numbers in
            PosteriorCase(
                gene: try #require(Int(name)),
                floor: numbers[0],
                scale: numbers[1],
                fit: EarlierFit(
                    coefficients: Array(numbers[2..<2 + columns]),
                    standardError: numbers[2 + columns],
                    dispersion: numbers[3 + columns]
                ),
                expected: ShrunkenEffect(
                    effect: numbers[4 + columns],
                    standardError: numbers[5 + columns]
                ),
                isConverged: numbers[6 + columns] == 1
            )
        }
    }

    var description: String {
        "gene \(gene), floor \(floor), scale \(scale), \(fit), expected \(expected)"
    }
}
