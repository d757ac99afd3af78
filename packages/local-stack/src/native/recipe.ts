import { createHash } from "node:crypto";

/**
 * The content of the native runtime: one Debian root file system with the databases, Java and Prometheus, and the two
 * Java programs that Debian does not package. After a change here a new root file system is built next to the old one.
 */
export const RECIPE = {
  /** Increased when the build changes, but not the list below. */
  revision: 1,
  suite: "trixie",
  packages: [
    "postgresql-17-timescaledb",
    "redis-server",
    "openjdk-21-jre-headless",
    "prometheus",
    "tini",
  ],
  kafka: { groupId: "org.apache.kafka", artifactId: "kafka_2.13", version: "4.1.1" },
  registry: { groupId: "io.apicurio", artifactId: "apicurio-registry-app", version: "3.3.3" },
  dependencyPluginVersion: "3.6.1",
} as const;

export type Recipe = typeof RECIPE;

/** Returns the hash in the name of a root file system; 12 hex digits are enough for the few recipes of one machine. */
export function recipeHash(recipe: object): string {
  return createHash("sha256").update(JSON.stringify(recipe)).digest("hex").slice(0, 12);
}

/** The programs to download with Maven; Kafka only, if there is no registry. */
export type MavenPrograms = Pick<Recipe, "dependencyPluginVersion"> & {
  readonly kafka: Artifact;
  readonly registry?: Artifact;
};

/**
 * Returns the Maven project that downloads Kafka's jars to `<parts>/kafka` and the registry to `<parts>/apicurio`.
 * The property `parts` names the folder.
 */
export function mavenProject(programs: MavenPrograms): string {
  const { kafka, registry, dependencyPluginVersion } = programs;
  return `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>fiberstream</groupId>
  <artifactId>native-parts</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>${coordinates(kafka)}</dependency>
  </dependencies>
  <build>
    <plugins>
      <plugin>
        <groupId>org.apache.maven.plugins</groupId>
        <artifactId>maven-dependency-plugin</artifactId>
        <version>${dependencyPluginVersion}</version>
        <executions>
          <execution>
            <id>kafka</id>
            <phase>package</phase>
            <goals><goal>copy-dependencies</goal></goals>
            <configuration><outputDirectory>\${parts}/kafka</outputDirectory></configuration>
          </execution>
${registry === undefined ? "" : unpackingOf(registry)}        </executions>
      </plugin>
    </plugins>
  </build>
</project>
`;
}

const unpackingOf = (registry: Artifact): string => `          <execution>
            <id>registry</id>
            <phase>package</phase>
            <goals><goal>unpack</goal></goals>
            <configuration>
              <artifactItems>
                <artifactItem>
                  ${coordinates(registry)}
                  <type>tar.gz</type>
                  <classifier>all</classifier>
                </artifactItem>
              </artifactItems>
              <outputDirectory>\${parts}/apicurio</outputDirectory>
            </configuration>
          </execution>
`;

export type Artifact = {
  readonly groupId: string;
  readonly artifactId: string;
  readonly version: string;
};

const coordinates = (artifact: Artifact) =>
  `<groupId>${artifact.groupId}</groupId><artifactId>${artifact.artifactId}</artifactId>` +
  `<version>${artifact.version}</version>`;
