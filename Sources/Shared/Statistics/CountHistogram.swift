/// How often each nonzero count of a gene occurs, for sums of ln Γ(Y + ρ) - ln Γ(ρ).
///
/// Such a sum depends on the distinct counts alone, not on the cells they are in. Up to 32 it is a
/// sum of logarithms, because ln Γ(y + ρ) - ln Γ(ρ) = ln ρ + ln(ρ + 1) + ... + ln(ρ + y - 1).
package struct CountHistogram: Sendable, Equatable {
    /// Counts up to here are summed as logarithms.
    private static let small = 32

    /// Cells whose count is above the index, for each index below the largest small count.
    private var above: [Double] = []
    /// Larger counts, ascending.
    private var large: [Large] = []

    private struct Large: Sendable, Equatable {
        var count: UInt32
        var cells: Double
    }

    /// No counts.
    package init() {}

    /// Forgets all counts and keeps the memory.
    package mutating func removeAll() {
        above.removeAll(keepingCapacity: true)
        large.removeAll(keepingCapacity: true)
    }

    /// Adds the nonzero counts of some cells.
    package mutating func add(_ counts: UnsafeBufferPointer<UInt32>) {
        for count in counts {
            if count <= Self.small {
                let wanted = Int(count)
                while above.count < wanted { above.append(0) }
                for index in 0..<wanted { above[index] += 1 }
            } else {
                addLarge(count, cells: 1)
            }
        }
    }

    /// Adds the cells of another histogram.
    package mutating func add(_ other: CountHistogram) {
        while above.count < other.above.count { above.append(0) }
        for index in other.above.indices { above[index] += other.above[index] }
        for entry in other.large { addLarge(entry.count, cells: entry.cells) }
    }

    private mutating func addLarge(_ count: UInt32, cells: Double) {
        // Nearly all cells share a few counts: the place is looked for among the distinct ones.
        var low = 0
        var high = large.count
        while low < high {
            let middle = (low + high) / 2
            if large[middle].count < count { low = middle + 1 } else { high = middle }
        }
        if low < large.count, large[low].count == count {
            large[low].cells += cells
        } else {
            large.insert(Large(count: count, cells: cells), at: low)
        }
    }

    /// Σ ln Γ(Y + ρ) - ln Γ(ρ) over the cells.
    ///
    /// - Parameter rho: ρ = 1/α, above 0.
    /// - Returns: The sum, with a relative error below 1e-13 also where ln Γ is huge.
    package func logGammaRatioSum(rho: Double) -> Double {
        var sum = 0.0
        for index in above.indices {
            sum += above[index] * RealFunctions.log(rho + Double(index))
        }
        for entry in large {
            sum += entry.cells * Self.logGammaRatio(Double(entry.count), rho)
        }
        return sum
    }

    /// ln Γ(y + ρ) - ln Γ(ρ).
    private static func logGammaRatio(_ y: Double, _ rho: Double) -> Double {
        guard rho >= RealFunctions.asymptoticStart else {
            return RealFunctions.logGamma(y + rho) - RealFunctions.logGamma(rho)
        }
        // Stirling's formula at both ends, its large parts subtracted beforehand.
        let sum = y + rho
        return (rho - 0.5) * RealFunctions.log1p(y / rho) + y * (RealFunctions.log(sum) - 1)
            + (RealFunctions.stirlingCorrection(sum) - RealFunctions.stirlingCorrection(rho))
    }
}
